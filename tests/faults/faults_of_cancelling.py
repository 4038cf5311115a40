"""Faults of cancelling: in every state of an audit, and while its last shard ends."""

import threading
import time
from typing import Any

import torch
from modicum import AuditState, ModelVersion, SearchMethod, VersionState
from safetensors.torch import save_file

from tests.faults.calls import RpcLogged
from tests.faults.fault import Fault, Trial
from tests.faults.gates import Point
from tests.faults.signs import Line, lines_of
from tests.faults.stage import BESIDE, ITEMS, SUBJECT
from tests.faults.subject import ARCHITECTURE, exact_network
from tests.waiting import eventually

ONE_ROW = "CancelAudit and every transaction that ends a shard lock the audit's row. Whichever locks it first decides."
CANCELLED = frozenset({AuditState.CANCELLED})
SUCCEEDED = frozenset({AuditState.SUCCEEDED})
CANCEL_LOGGED = RpcLogged("CancelAudit", "OK")
#: Share of trials in which the version passes its check.
FIT_SHARE = 0.5
#: Share of trials that cancel while the transaction is held. The others cancel at about the same moment.
MIDST_SHARE = 0.5
#: A cancelled search must end before it has spent the passes of this many pictures. A shard has four.
MOST_PICTURES = 3
STOPPED = Line("worker", "shard_ended", names_audit=True, fact=("outcome", "cancelled"))


def cancel(trial: Trial) -> None:
    """Cancel while a transaction waits at the gate. Open the gate once the call has returned or waits for a lock."""
    audit = trial.audit
    trial.note(f"cancelled in {audit.state}")
    call = threading.Thread(target=audit.cancel, daemon=True)
    call.start()
    blocked = "SELECT 1 FROM pg_stat_activity WHERE application_name LIKE 'api%%' AND wait_event_type = 'Lock'"
    eventually(lambda: not call.is_alive() or trial.stage.sql(blocked), "the call to return, or to wait for a lock")
    trial.gate.open()
    call.join()


def cancel_at_the_same_time(trial: Trial) -> None:
    """Cancel during the transaction that ends the last shard, or at about the same moment."""
    if trial.random.random() < MIDST_SHARE:
        cancel(trial)
        return
    head_start = trial.random.uniform(-0.05, 0.05)
    audit, opening = trial.audit, threading.Timer(max(0.0, head_start), trial.gate.open)
    opening.start()
    time.sleep(max(0.0, -head_start))  # the fault itself: chance decides which comes first
    audit.cancel()
    opening.join()
    trial.note(f"cancelled {head_start * 1000:+.0f} ms before the end")


def cancel_while_it_computes(trial: Trial) -> None:
    """Cancel during a long search, once a worker has reported passes."""
    trial.submit(method=SearchMethod.BACKSELECT, pixels_per_step=0)
    reported = "SELECT passes_done FROM shards WHERE audit = %s AND lease_until IS NOT NULL AND passes_done > 0"
    seen = eventually(lambda: trial.stage.sql(reported, trial.name), "a worker to report passes")
    trial.audit.cancel()
    trial.note(f"cancelled after {seen[0]['passes_done']} passes")


def stopped_early(trial: Trial) -> None:
    """Check that the task stopped before it was done, and that the audit stays as it is."""
    planned = trial.stage.value("SELECT passes_planned FROM audits WHERE name = %s", trial.name)
    spent, most = sum(line["passes"] for line in _ended(trial)), planned * MOST_PICTURES / ITEMS[SUBJECT]
    assert spent < most, f"expected the search to stop before {most:.0f} passes, got {spent}"
    stays(trial)


def dropped(trial: Trial) -> None:
    """Check that no task was started for the audit, and that the audit stays as it is."""
    ended = _ended(trial)
    shards = {str(line["shard"]) for line in ended}
    stopped = lines_of(trial.stage, trial.before, "worker", "task_failed")
    begun = [line for line in ended if line["passes"]] + [line for line in stopped if line["task"] in shards]
    assert not begun, f"expected no task for an audit that ended while queued, got {begun}"
    stays(trial)


def _ended(trial: Trial) -> list[dict[str, Any]]:
    """The workers' log lines about the end of each shard of the audit."""
    ended = lines_of(trial.stage, trial.before, "worker", "shard_ended")
    return [line for line in ended if line["audit"] == trial.name]


def cancel_after_the_end(trial: Trial) -> None:
    """Cancel an audit that has succeeded."""
    trial.ended()
    trial.wait_ended()
    trial.audit.cancel()


def cancel_before_the_check(trial: Trial) -> None:
    """Cancel while a worker is about to check the version. The check continues and accepts or rejects the version."""
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
    """Register a new version without waiting for its check. An unfit version lacks its head."""
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
        class_labels=folder / "labels.txt",
        wait=False,
    )


def _state_of(trial: Trial, version: ModelVersion) -> VersionState:
    return trial.stage.client(SUBJECT).models.version(version.name).state


def stays(trial: Trial) -> None:
    """Check that an ended audit stays as it is when it is cancelled again."""
    state = trial.audit.state
    assert trial.audit.cancel().state is state


FAULTS = (
    Fault(
        name="cancelled_before_its_version_is_checked",
        when="A worker is claiming the check of the version that the audit waits for.",
        injected="CancelAudit is called. Then the version is accepted or rejected.",
        mechanism="Cancelling deletes the shards that wait for the version. The check of the version continues.",
        point=Point.CHECK,
        submits=False,
        states=CANCELLED,
        strike=cancel_before_the_check,
        also=stays,
        signs=(CANCEL_LOGGED,),
        fails_without="the deletion and the sweep of an ended audit's shards",
    ),
    Fault(
        name="cancelled_while_queued",
        when="A worker is claiming the audit's first shard.",
        injected="CancelAudit is called.",
        mechanism="The worker drops a claimed shard whose audit has ended.",
        point=Point.CLAIM,
        states=CANCELLED,
        strike=cancel,
        also=dropped,
        signs=(CANCEL_LOGGED, STOPPED),
        fails_without="the check of the audit's state before a task is planned",
    ),
    Fault(
        name="cancelled_while_it_searches",
        when="The model's process is computing a long search.",
        injected="CancelAudit is called.",
        mechanism="The next lease renewal reports that the audit has ended, and the worker stops the task.",
        submits=False,
        states=CANCELLED,
        strike=cancel_while_it_computes,
        also=stopped_early,
        signs=(CANCEL_LOGGED, STOPPED),
        fails_without="the check of the audit's state at a renewal",
    ),
    Fault(
        name="cancelled_while_findings_are_stored",
        when="A worker is storing findings. Some findings of its shard are already stored.",
        injected="CancelAudit is called.",
        mechanism="Storing findings locks the audit's row. Nothing is stored once the audit has ended.",
        point=Point.FINDING,
        stored=(1, 5, 9),
        states=CANCELLED,
        strike=cancel,
        also=stays,
        signs=(CANCEL_LOGGED, STOPPED),
        fails_without="the lock on the audit and the checks of its state",
    ),
    Fault(
        name="cancelled_as_its_last_shard_ends",
        when="A worker is ending the last shard.",
        injected="CancelAudit is called during that transaction or at about the same moment.",
        mechanism=ONE_ROW,
        point=Point.LAST_SHARD_END,
        states=CANCELLED | SUCCEEDED,
        strike=cancel_at_the_same_time,
        also=stays,
        signs=(CANCEL_LOGGED,),
        fails_without="the lock on the audit and the check of its state",
    ),
    Fault(
        name="cancelled_while_it_succeeds",
        when="A worker is setting the audit to SUCCEEDED.",
        injected="CancelAudit is called and waits for that transaction.",
        mechanism=ONE_ROW,
        point=Point.SUCCEED,
        states=SUCCEEDED,
        strike=cancel,
        also=stays,
        signs=(CANCEL_LOGGED,),
        fails_without="the lock on the audit and the check of its state",
    ),
    Fault(
        name="cancelled_after_its_end",
        when="The audit has succeeded.",
        injected="CancelAudit is called.",
        mechanism="An audit that has ended is returned unchanged.",
        strike=cancel_after_the_end,
        states=SUCCEEDED,
        also=stays,
        signs=(CANCEL_LOGGED,),
        fails_without="the check of the audit's state",
    ),
)
