"""Faults that take a second worker: one that is frozen past its lease and wakes, and two at one shard."""

import signal

from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import Part, eventually
from tests.faults.signs import Line, Metric
from tests.faults.stage import SUBJECT

FENCED = "every write names its attempt: a worker whose lease is lost stores nothing more"
LOST = Metric("worker", "modicum_worker_lease_losses")
LOSS_TOLD = Line("worker", "shard_ended", names_audit=True, fact=("outcome", "lost"))
#: How often a zombie wakes only after the audit's end.
LATE_SHARE = 0.3


def freeze_between_writes(trial: Trial) -> None:
    """Freeze the worker while its model computes; wake it beside the one that has its shard, or after that."""
    with trial.stage.another_worker():
        trial.submit()
        zombie = trial.wait_computing()
        zombie.signal(signal.SIGSTOP)
        _wake(trial, zombie)


def freeze_in_a_write(trial: Trial) -> None:
    """Freeze the worker inside the transaction that stores findings, which keeps the shard's row locked."""
    zombie = trial.holder
    zombie.signal(signal.SIGSTOP)
    trial.gate.open()
    with trial.stage.another_worker():
        _wake(trial, zombie)


def _wake(trial: Trial, zombie: Part) -> None:
    """Wake it when another worker has its shard, or only when the audit has ended: the seed decides."""
    its = f"%-{zombie.pid}-%"
    shard = trial.stage.value("SELECT id FROM shards WHERE audit = %s AND worker LIKE %s", trial.name, its)
    taken = "SELECT 1 FROM shards WHERE id = %s AND lease_until IS NOT NULL AND worker NOT LIKE %s"
    eventually(
        lambda: trial.stage.sql(taken, shard, its) or trial.watchers[SUBJECT].ended_at,
        "another worker to take the shard of the frozen one",
    )
    late = trial.random.random() < LATE_SHARE
    trial.ended()  # the shard has been handed on; how the zombie wakes must not delay its audit
    if late:
        trial.wait_ended()
    trial.note("woken after the end" if late else "woken beside its successor")
    zombie.signal(signal.SIGCONT)
    eventually(lambda: _lost(trial, zombie), f"{zombie.name} to see that it lost its shard")
    trial.wait_ended()


def _lost(trial: Trial, worker: Part) -> bool:
    """Whether the worker tells, in its log and its metric, of a shard that it lost."""
    lines = worker.lines("shard_ended", since=trial.before.log_bytes.get(worker.name, 0))
    return any(line["outcome"] == "lost" for line in lines) and LOST.seen(trial.stage, trial.before, trial.name)


def take_away(trial: Trial) -> None:
    """Return a shard to the queue under a worker that computes; let that go on once another one has the shard."""
    with trial.stage.another_worker():
        trial.submit()
        first = trial.wait_computing()
        first.signal(signal.SIGSTOP)  # it must not be the one that takes its own shard again
        its = f"%-{first.pid}-%"
        taken = "UPDATE shards SET lease_until = NULL, worker = '' WHERE audit = %s AND worker LIKE %s"
        trial.stage.sql(taken, trial.name, its)
        held = "SELECT 1 FROM shards WHERE audit = %s AND lease_until IS NOT NULL AND worker NOT LIKE %s"
        eventually(lambda: trial.stage.sql(held, trial.name, its), "another worker to take the shard")
        first.signal(signal.SIGCONT)
        trial.ended()
        eventually(lambda: _lost(trial, first), f"{first.name} to see that it lost its shard")
        trial.wait_ended()


FAULTS = (
    Fault(
        name="zombie_worker",
        where="a model's process computes; another worker is there",
        injected="SIGSTOP of the worker past its lease; SIGCONT when another one has its shard, or has ended the audit",
        mechanism=FENCED,
        point=Point.CLAIM,
        stored=(0, 4, 8),
        submits=False,
        strike=freeze_between_writes,
        signs=(LOSS_TOLD,),
        seen_to_fail="with the look at the attempt, and the watch over progress that hides it, taken out",
    ),
    Fault(
        name="zombie_worker_in_mid_transaction",
        where="a worker has stored some findings of a shard, and stores more",
        injected="SIGSTOP of the worker inside its transaction; SIGCONT as above",
        mechanism="the database ends a transaction that idles, and with it the lock on the shard's row; then as above",
        point=Point.FINDING,
        stored=(1, 5, 9),
        strike=freeze_in_a_write,
        signs=(LOSS_TOLD,),
        seen_to_fail=WITHOUT_MECHANISM,
    ),
    Fault(
        name="two_workers_on_one_shard",
        where="a model's process computes; another worker is there",
        injected="the shard is returned to the queue under the worker that has it, and taken by another one",
        mechanism=FENCED,
        point=Point.CLAIM,
        stored=(0, 4, 8),
        submits=False,
        strike=take_away,
        signs=(LOSS_TOLD,),
        seen_to_fail="with the look at who holds the shard, and under which attempt, taken out",
    ),
)
