"""Faults of the worker: killed at each point of a shard, told to leave in mid-work, with a clock that is off."""

import signal
import time
from datetime import timedelta
from pathlib import Path

from tests.faults.fault import Fault, Trial
from tests.faults.gates import Point
from tests.faults.signs import Line, Metric, StrangeTime

#: Findings stored so far in the middle of one of the three shards of four.
WITHIN_A_SHARD = (1, 5, 9)
AT_A_SHARDS_BEGINNING = (0, 4, 8)
KILLED = "kill -9 of the worker; the next one is started"
LEASES = "leases by the database's time return the shard; what is stored is not searched again"
EXPIRED = Metric("api", "modicum_queue_leases_expired_total")
#: Moves the clock of a Python process; its site imports this before anything else.
SHIFTED_CLOCK = """
import datetime, sys, time
shift = {seconds}
real_time, real_time_ns, real_datetime = time.time, time.time_ns, datetime.datetime
def shifted_time():
    # Deadlines of gRPC are made from this and kept by its core, which reads the machine's own clock.
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
    """SIGTERM; the transaction under way may go on, and the worker has to leave."""
    worker = trial.holder
    pid, began = worker.pid, time.monotonic()
    worker.signal(signal.SIGTERM)
    trial.gate.open()
    worker.wait_gone(pid)
    trial.note(f"left after {time.monotonic() - began:.0f} s")


def nothing_expired(trial: Trial) -> None:
    """See that the shard was finished or handed back, and not left to its lease."""
    assert not EXPIRED.seen(trial.stage, trial.before, trial.name), "expected no lease to run out"


def shift_clock(trial: Trial) -> None:
    """Let a worker do all the work whose clock is an hour off."""
    seconds = trial.random.choice((-3600, 3600))
    trial.note(f"{seconds:+d} s")
    folder = trial.stage.folder / "shifted"
    folder.mkdir(exist_ok=True)
    (Path(folder) / "sitecustomize.py").write_text(SHIFTED_CLOCK.format(seconds=seconds))
    with trial.stage.worker.away():
        trial.stage.worker.terminate()
        with trial.stage.another_worker(PYTHONPATH=str(folder)) as worker:
            trial.submit()
            trial.ended()  # from here on nothing more happens: the clock stays off until the end
            trial.wait_ended()
            assert trial.name in {line["audit"] for line in worker.lines("shard_claimed")}


FAULTS = (
    Fault(
        name="worker_killed_before_a_shards_first_finding",
        where="a worker stores the first finding of a shard",
        injected=KILLED,
        mechanism=LEASES,
        point=Point.FINDING,
        stored=AT_A_SHARDS_BEGINNING,
        strike=kill,
        signs=(EXPIRED,),
        seen_to_fail="with the expiry of leases taken out",
    ),
    Fault(
        name="worker_killed_within_a_shard",
        where="a worker has stored some findings of a shard",
        injected=KILLED,
        mechanism=LEASES,
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=kill,
        signs=(EXPIRED, Line("worker", "leases_expired")),
        quick=True,
        seen_to_fail="with the expiry of leases taken out",
    ),
    Fault(
        name="worker_killed_after_the_last_finding",
        where="a worker ends the last shard, all findings stored",
        injected=KILLED,
        mechanism=LEASES,
        point=Point.LAST_SHARD_END,
        strike=kill,
        signs=(EXPIRED,),
        seen_to_fail="with the expiry of leases taken out",
    ),
    Fault(
        name="worker_killed_while_it_summarises",
        where="a worker lets the audit succeed, both artifacts stored",
        injected=KILLED,
        mechanism="the summary is idempotent, and one transaction makes it the audit's",
        point=Point.SUCCEED,
        strike=kill,
        signs=(EXPIRED,),
        seen_to_fail="with a transaction of its own for what was summarised",
    ),
    Fault(
        name="worker_told_to_leave",
        where="a worker has stored some findings of a shard",
        injected="SIGTERM of the worker; the next one is started",
        mechanism="the worker finishes or hands back its shard within its grace",
        point=Point.FINDING,
        stored=WITHIN_A_SHARD,
        strike=terminate,
        also=nothing_expired,
        signs=(Line("worker", "worker_stopped"),),
        seen_to_fail="with the draining of a worker taken out",
    ),
    Fault(
        name="worker_whose_clock_is_an_hour_off",
        where="the whole audit",
        injected="every clock of the only worker's Python is an hour ahead or behind",
        mechanism="leases and turns go by the database's time, hangs by a monotonic clock",
        submits=False,
        strike=shift_clock,
        also=nothing_expired,
        signs=(StrangeTime("worker", timedelta(minutes=59)),),
        seen_to_fail="with leases by the worker's own clock",
    ),
)
