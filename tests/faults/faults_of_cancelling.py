"""Cancelling: in every state that an audit can be in, and against the end of its last shard."""

import threading
import time

from modicum import AuditState

from tests.faults.calls import Answered
from tests.faults.fault import Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import eventually
from tests.faults.signs import Line

ONE_ROW = "one row decides: cancelling and each transaction that ends a shard lock the audit's"
CANCELLED = frozenset({AuditState.CANCELLED})
SUCCEEDED = frozenset({AuditState.SUCCEEDED})
CANCEL_ANSWERED = Answered("CancelAudit", "OK")
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
    """Let the last shard end, and cancel at the same moment or a little later or earlier."""
    head_start = trial.random.uniform(-0.05, 0.05)
    audit, opening = trial.audit, threading.Timer(max(0.0, head_start), trial.gate.open)
    opening.start()
    time.sleep(max(0.0, -head_start))  # the fault itself: who is first is left to chance
    audit.cancel()
    opening.join()
    trial.note(f"cancelled {head_start * 1000:+.0f} ms before the end")


def cancel_after_the_end(trial: Trial) -> None:
    """Cancel an audit that has succeeded."""
    trial.ended()
    trial.wait_ended()
    trial.audit.cancel()


def stays(trial: Trial) -> None:
    """Cancel again: what has ended stays as it is, and the API says so."""
    state = trial.audit.state
    assert trial.audit.cancel().state is state


FAULTS = (
    Fault(
        name="cancelled_while_queued",
        where="a worker claims the audit's first shard",
        injected="CancelAudit",
        mechanism="a claim of a shard whose audit has ended is dropped",
        point=Point.CLAIM,
        states=CANCELLED,
        strike=cancel,
        also=stays,
        signs=(CANCEL_ANSWERED,),
    ),
    Fault(
        name="cancelled_while_it_searches",
        where="a worker has stored some findings of a shard",
        injected="CancelAudit",
        mechanism="a renewal sees that the audit has ended; the task is told to stop, nothing more is stored",
        point=Point.FINDING,
        stored=(1, 5, 9),
        states=CANCELLED,
        strike=cancel,
        also=stays,
        signs=(CANCEL_ANSWERED, STOPPED),
    ),
    Fault(
        name="cancelled_as_its_last_shard_ends",
        where="a worker ends the last shard",
        injected="CancelAudit at the same moment, a little before or after",
        mechanism=ONE_ROW,
        point=Point.LAST_SHARD_END,
        states=CANCELLED | SUCCEEDED,
        strike=cancel_at_the_same_time,
        also=stays,
        signs=(CANCEL_ANSWERED,),
        quick=True,
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
    ),
)
