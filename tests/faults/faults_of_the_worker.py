"""Faults of the worker: killed at each point of a shard, terminated, or with a wrong clock."""

import signal
import time
from datetime import timedelta
from pathlib import Path

from tests.faults.fault import Fault, Trial
from tests.faults.gates import Point
from tests.faults.signs import Line, Metric, StrangeTime

#: Findings stored before the gate holds, within the first, second or third shard of four.
WITHIN_A_SHARD = (1, 5, 9)
AT_A_SHARDS_BEGINNING = (0, 4, 8)
KILLED = "The worker is killed (`kill -9`). Another one is started."
LEASES = (
    "The lease expires by the database's clock, and the shard returns to the queue. Stored findings are not "
    "searched again."
)
EXPIRED = Metric("api", "modicum_queue_leases_expired_total")
#: Shifts the clock of a Python process. Its `site` imports this first.
SHIFTED_CLOCK = """
import datetime, sys, time
shift = {seconds}
real_time, real_time_ns, real_datetime = time.time, time.time_ns, datetime.datetime
def shifted_time():
    # gRPC computes deadlines with this clock, but its core checks them with the machine's own clock.
    caller = sys._getframe(1).f_globals.get("__name__", "")
    return real_time() if caller.startswith("grpc") else real_time() + shift
time.time = shifted_time
time.time_ns = lambda: real_time_ns() + shift * 10**9
class ShiftedDatetime(real_datetime):
    __slots__ = ()
    @classmethod
    def now(cls, tz=None):
        return real_datetime.now(tz) + datetime.timedelta(seconds=shift)
    @classmethod
    def utcnow(cls):
        return real_datetime.utcnow() + datetime.timedelta(seconds=shift)
datetime.datetime = ShiftedDatetime
"""


def kill(trial: Trial) -> None:
    """Kill the worker that holds a shard."""
    trial.holder.kill()


def terminate(trial: Trial) -> None:
    """Send SIGTERM. The open transaction may finish, and the worker must stop."""
    worker = trial.holder
    pid, began = worker.pid, time.monotonic()
    worker.signal(signal.SIGTERM)
    trial.gate.open()
    worker.wait_gone(pid)
    trial.note(f"the worker stopped after {time.monotonic() - began:.0f} s")


def nothing_expired(trial: Trial) -> None:
    """Check that the worker finished the shard or handed it back, and that no lease expired."""
    assert not EXPIRED.seen(trial.stage, trial.before, trial.name), "expected no lease to run out"


def shift_clock(trial: Trial) -> None:
    """Have a worker whose clock is an hour off do all the work."""
    seconds = trial.random.choice((-3600, 3600))
    trial.note(f"clock shifted by {seconds:+d} s")
    folder = trial.stage.folder / "shifted"
    folder.mkdir(exist_ok=True)
    (Path(folder) / "sitecustomize.py").write_text(SHIFTED_CLOCK.format(seconds=seconds))
    with trial.stage.worker.away():
        trial.stage.worker.terminate()
        with trial.stage.another_worker(PYTHONPATH=str(folder)) as worker:
            trial.submit()
            trial.ended()  # the clock stays off until the end
            trial.wait_ended()
            assert trial.name in {line["audit"] for line in worker.lines("shard_claimed")}


FAULTS = (
    Fault(
        name="worker_killed_before_a_shards_first_finding",
        when="A worker is storing the first finding of a shard.",
        injected=KILLED,
        mechanism=LEASES,
        point=Point.FINDING,
        stored=AT_A_SHARDS_BEGINNING,
        strike=kill,
        signs=(EXPIRED,),
        fails_without="lease expiry",
    ),
    Fault(
        name="worker_killed_within_a_shard",
        when="A worker has stored some findings of a shard.",
        injected=KILLED,
        mechanism=LEASES,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=kill,
        signs=(EXPIRED, Line("worker", "leases_expired")),
        fails_without="lease expiry",
    ),
    Fault(
        name="worker_killed_after_the_last_finding",
        when="A worker is ending the last shard. All findings are stored.",
        injected=KILLED,
        mechanism=LEASES,
        point=Point.LAST_SHARD_END,
        strike=kill,
        signs=(EXPIRED,),
        fails_without="lease expiry",
    ),
    Fault(
        name="worker_killed_while_it_summarises",
        when="A worker is setting the audit to SUCCEEDED. Both artifacts are stored.",
        injected=KILLED,
        mechanism="The summary can be repeated. One transaction attaches it to the audit.",
        point=Point.SUCCEED,
        strike=kill,
        signs=(EXPIRED,),
        fails_without="the single transaction",
    ),
    Fault(
        name="worker_terminated",
        when="A worker has stored some findings of a shard.",
        injected="The worker gets SIGTERM. Another one is started.",
        mechanism="The worker finishes its shard or hands it back within its grace period.",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=terminate,
        also=nothing_expired,
        signs=(Line("worker", "worker_stopped"),),
        fails_without="draining",
    ),
    Fault(
        name="worker_whose_clock_is_an_hour_off",
        when="During the whole audit.",
        injected="All clocks of the only worker's Python are an hour ahead or behind.",
        mechanism="Leases and turns use the database's clock. Hang detection uses a monotonic clock.",
        submits=False,
        strike=shift_clock,
        also=nothing_expired,
        signs=(StrangeTime("worker", timedelta(minutes=59)),),
        fails_without="the database's clock for leases",
    ),
)
