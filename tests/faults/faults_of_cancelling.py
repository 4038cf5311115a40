"""Cancelling: in every state that an audit can be in, and against the end of its last shard."""

import threading
import time
from typing import Any

import torch
from modicum import AuditState, ModelVersion, SearchMethod, VersionState
from safetensors.torch import save_file

from tests.faults.calls import Answered
from tests.faults.fault import Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import eventually
from tests.faults.signs import Line, lines_of
from tests.faults.stage import BESIDE, ITEMS, SUBJECT
from tests.faults.subject import ARCHITECTURE, exact_network

ONE_ROW = "one row decides: cancelling and each transaction that ends a shard lock the audit's"
CANCELLED = frozenset({AuditState.CANCELLED})
SUCCEEDED = frozenset({AuditState.SUCCEEDED})
CANCEL_ANSWERED = Answered("CancelAudit", "OK")
#: How often the version that is checked after the cancelling is a good one.
FIT_SHARE = 0.5
#: How often the call comes while the transaction is held, and not at about the same moment.
MIDST_SHARE = 0.5
#: Pictures whose passes a search that is told to stop does not reach: a shard has four.
MOST_PICTURES = 3
STOPPED = Line("worker", "shard_ended", names_audit=True, fact=("outcome", "cancelled"))


def cancel(trial: Trial) -> None:
    """Cancel while a transaction stands at the gate; it is opened when the call has returned, or waits for it."""
    audit = trial.audit
    trial.note(f"cancelled in {audit.state}")
    call = threading.Thread(target=audit.cancel, daemon=True)
    call.start()
    blocked = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'api%%' AND wait_event_type = 'Lock'"
    eventually(lambda: not call.is_alive() or trial.stage.sql(blocked), "the call to return, or to wait for a lock")
    trial.gate.open()
    call.join()


def cancel_at_the_same_time(trial: Trial) -> None:
    """Cancel in the midst of the transaction that ends the last shard, or let both come at about the same moment."""
    if trial.random.random() < MIDST_SHARE:
        cancel(trial)
        return
    head_start = trial.random.uniform(-0.05, 0.05)
    audit, opening = trial.audit, threading.Timer(max(0.0, head_start), trial.gate.open)
    opening.start()
    time.sleep(max(0.0, -head_start))  # the fault itself: who is first is left to chance
    audit.cancel()
    opening.join()
    trial.note(f"cancelled {head_start * 1000:+.0f} ms before the end")


def cancel_while_it_computes(trial: Trial) -> None:
    """Cancel while the model's process is at a search that takes long, and a worker has told of its first passes."""
    trial.submit(method=SearchMethod.BACKSELECT, pixels_per_step=0)
    told = "SELECT passes_done FROM shards WHERE audit = %s AND lease_until IS NOT NULL AND passes_done > 0"
    seen = eventually(lambda: trial.stage.sql(told, trial.name), "a worker to tell of passes")
    trial.audit.cancel()
    trial.note(f"cancelled after {seen[0]['passes_done']} passes")


def stopped_early(trial: Trial) -> None:
    """See that the task was left in the midst of its work, and that the audit stays as it is."""
    planned = trial.stage.value("SELECT passes_planned FROM audits WHERE name = %s", trial.name)
    spent, most = sum(line["passes"] for line in _ended(trial)), planned * MOST_PICTURES / ITEMS[SUBJECT]
    assert spent < most, f"expected the search to stop before {most:.0f} passes, got {spent}"
    stays(trial)


def dropped(trial: Trial) -> None:
    """See that no task was begun for it, and that the audit stays as it is."""
    ended = _ended(trial)
    shards = {str(line["shard"]) for line in ended}
    told_to_stop = lines_of(trial.stage, trial.before, "worker", "task_failed")
    begun = [line for line in ended if line["passes"]] + [line for line in told_to_stop if line["task"] in shards]
    assert not begun, f"expected no task for an audit that ended in the queue, got {begun}"
    stays(trial)


def _ended(trial: Trial) -> list[dict[str, Any]]:
    """What workers say of each of its shards that they held."""
    ended = lines_of(trial.stage, trial.before, "worker", "shard_ended")
    return [line for line in ended if line["audit"] == trial.name]


def cancel_after_the_end(trial: Trial) -> None:
    """Cancel an audit that has succeeded."""
    trial.ended()
    trial.wait_ended()
    trial.audit.cancel()


def cancel_before_the_check(trial: Trial) -> None:
    """Cancel while a worker is about to check the version; it is checked all the same, and found fit or not."""
    fit = trial.random.random() < FIT_SHARE
    version = _unchecked_version(trial, fit=fit)
    trial.submit_to(BESIDE)
    trial.submit_to(SUBJECT, models=[version])
    trial.gate.wait_reached()
    assert _state_of(trial, version) is VersionState.PENDING
    cancel(trial)
    expected = VersionState.READY if fit else VersionState.REJECTED
    eventually(lambda: _state_of(trial, version) is expected, f"the version to become {expected}")
    trial.note(f"the version became {expected}")


def _unchecked_version(trial: Trial, *, fit: bool) -> ModelVersion:
    """Register a version without waiting for its check; each time another one. One that is not fit lacks its head."""
    weights = exact_network().state_dict()
    weights["head.bias"] = torch.full_like(weights["head.bias"], trial.random.random())
    if not fit:
        del weights["head.weight"]
    folder = trial.stage.folder
    save_file(weights, folder / "unchecked.safetensors")
    return trial.stage.client(SUBJECT).models.register(
        "unchecked",
        weights=folder / "unchecked.safetensors",
        architecture=ARCHITECTURE,
        input=folder / "input.toml",
        labels=folder / "labels.txt",
        wait=False,
    )


def _state_of(trial: Trial, version: ModelVersion) -> VersionState:
    return trial.stage.client(SUBJECT).models.version(version.name).state


def stays(trial: Trial) -> None:
    """Cancel again: what has ended stays as it is, and the API says so."""
    state = trial.audit.state
    assert trial.audit.cancel().state is state


FAULTS = (
    Fault(
        name="cancelled_before_its_version_is_checked",
        where="a worker claims the check of the version that an audit waits for",
        injected="CancelAudit; then the version is found fit, or is refused",
        mechanism="cancelling deletes the shards that wait for the version, and its check goes on by itself",
        point=Point.CHECK,
        submits=False,
        states=CANCELLED,
        strike=cancel_before_the_check,
        also=stays,
        signs=(CANCEL_ANSWERED,),
        seen_to_fail="with the deletion and the sweep of an ended audit's shards taken out",
    ),
    Fault(
        name="cancelled_while_queued",
        where="a worker claims the audit's first shard",
        injected="CancelAudit",
        mechanism="a claim of a shard whose audit has ended is dropped",
        point=Point.CLAIM,
        states=CANCELLED,
        strike=cancel,
        also=dropped,
        signs=(CANCEL_ANSWERED, STOPPED),
        seen_to_fail="with the look at the audit before a task is planned taken out",
    ),
    Fault(
        name="cancelled_while_it_searches",
        where="a model's process computes, at a search that takes long",
        injected="CancelAudit",
        mechanism="a renewal sees that the audit has ended; the task is told to stop",
        submits=False,
        states=CANCELLED,
        strike=cancel_while_it_computes,
        also=stopped_early,
        signs=(CANCEL_ANSWERED, STOPPED),
        seen_to_fail="with the look at the audit at a renewal taken out",
    ),
    Fault(
        name="cancelled_while_findings_are_stored",
        where="a worker has stored some findings of a shard, and stores more",
        injected="CancelAudit",
        mechanism="findings are stored under the lock of the audit's row, and none once it has ended",
        point=Point.FINDING,
        stored=(1, 5, 9),
        states=CANCELLED,
        strike=cancel,
        also=stays,
        signs=(CANCEL_ANSWERED, STOPPED),
        seen_to_fail="with the lock on the audit and the looks at its state taken out",
    ),
    Fault(
        name="cancelled_as_its_last_shard_ends",
        where="a worker ends the last shard",
        injected="CancelAudit in the midst of that, or at about the same moment",
        mechanism=ONE_ROW,
        point=Point.LAST_SHARD_END,
        states=CANCELLED | SUCCEEDED,
        strike=cancel_at_the_same_time,
        also=stays,
        signs=(CANCEL_ANSWERED,),
        quick=True,
        seen_to_fail="with the lock on the audit and the look at its state taken out",
    ),
    Fault(
        name="cancelled_while_it_succeeds",
        where="a worker lets the audit succeed",
        injected="CancelAudit, which waits for the transaction",
        mechanism=ONE_ROW,
        point=Point.SUCCEED,
        states=SUCCEEDED,
        strike=cancel,
        also=stays,
        signs=(CANCEL_ANSWERED,),
        seen_to_fail="with the lock on the audit and the look at its state taken out",
    ),
    Fault(
        name="cancelled_after_its_end",
        where="the audit has succeeded",
        injected="CancelAudit",
        mechanism="an audit that has ended is returned as it is",
        strike=cancel_after_the_end,
        states=SUCCEEDED,
        also=stays,
        signs=(CANCEL_ANSWERED,),
        seen_to_fail="with the look at the audit's state taken out",
    ),
)
