"""Faults with a second worker: a worker that is frozen past its lease and wakes, and two workers with one shard."""

import signal

from tests.faults.fault import WITHOUT_MECHANISM, Fault, Trial
from tests.faults.gates import Point
from tests.faults.parts import Part
from tests.faults.signs import Line, Metric
from tests.faults.stage import SUBJECT
from tests.waiting import eventually

FENCED = "Every write names its attempt. A worker that has lost its lease can store nothing."
LOST = Metric("worker", "modicum_worker_lease_losses")
LOSS_LOGGED = Line("worker", "shard_ended", names_audit=True, fact=("outcome", "lost"))
#: Share of trials in which the frozen worker wakes only after the audit has ended.
LATE_SHARE = 0.3


def freeze_between_writes(trial: Trial) -> None:
    """Freeze the worker while its model computes. Wake it beside the worker that holds its shard, or after the end."""
    with trial.stage.another_worker():
        trial.submit()
        zombie = trial.wait_computing()
        zombie.signal(signal.SIGSTOP)
        _wake(trial, zombie)


def freeze_in_a_write(trial: Trial) -> None:
    """Freeze the worker inside the transaction that stores findings, which locks the shard's row."""
    zombie = trial.holder
    zombie.signal(signal.SIGSTOP)
    trial.gate.open()
    with trial.stage.another_worker():
        _wake(trial, zombie)


def _wake(trial: Trial, zombie: Part) -> None:
    """Wake the frozen worker when another one holds its shard, or when the audit has ended. The seed decides which."""
    its = f"%-{zombie.pid}-%"
    shard = trial.stage.value("SELECT id FROM shards WHERE audit = %s AND worker LIKE %s", trial.name, its)
    taken = "SELECT 1 FROM shards WHERE id = %s AND lease_until IS NOT NULL AND worker NOT LIKE %s"
    eventually(
        lambda: trial.stage.sql(taken, shard, its) or trial.watchers[SUBJECT].ended_at,
        "another worker to take the shard of the frozen one",
    )
    late = trial.random.random() < LATE_SHARE
    trial.ended()  # the shard has a new holder; the frozen worker must not delay the audit when it wakes
    if late:
        trial.wait_ended()
    trial.note("woken after the end" if late else "woken beside the new holder")
    zombie.signal(signal.SIGCONT)
    eventually(lambda: _lost(trial, zombie), f"{zombie.name} to report the lost shard")
    trial.wait_ended()


def _lost(trial: Trial, worker: Part) -> bool:
    """Whether the worker's log and metric report that it lost a shard."""
    lines = worker.lines("shard_ended", since=trial.before.log_bytes.get(worker.name, 0))
    return any(line["outcome"] == "lost" for line in lines) and LOST.seen(trial.stage, trial.before, trial.name)


def take_away(trial: Trial) -> None:
    """Return a shard to the queue while its worker computes. Continue that worker once another one holds the shard."""
    with trial.stage.another_worker():
        trial.submit()
        first = trial.wait_computing()
        first.signal(signal.SIGSTOP)  # it must not claim its own shard again
        its = f"%-{first.pid}-%"
        taken = "UPDATE shards SET lease_until = NULL, worker = '' WHERE audit = %s AND worker LIKE %s"
        trial.stage.sql(taken, trial.name, its)
        held = "SELECT 1 FROM shards WHERE audit = %s AND lease_until IS NOT NULL AND worker NOT LIKE %s"
        eventually(lambda: trial.stage.sql(held, trial.name, its), "another worker to take the shard")
        first.signal(signal.SIGCONT)
        trial.ended()
        eventually(lambda: _lost(trial, first), f"{first.name} to report the lost shard")
        trial.wait_ended()


FAULTS = (
    Fault(
        name="zombie_worker",
        when="The model's process is computing. A second worker is running.",
        injected="The worker gets SIGSTOP until its lease has expired. It gets SIGCONT once the second worker holds "
        "its shard or has ended the audit.",
        mechanism=FENCED,
        point=Point.CLAIM,
        stored=(0, 4, 8),
        submits=False,
        strike=freeze_between_writes,
        signs=(LOSS_LOGGED,),
        fails_without="the check of the attempt, and the progress watch that hides its absence",
    ),
    Fault(
        name="zombie_worker_in_mid_transaction",
        when="A worker is storing findings. Some findings of its shard are already stored.",
        injected="The worker gets SIGSTOP inside its transaction. It gets SIGCONT once a second worker holds its shard"
        " or has ended the audit.",
        mechanism="The database ends the idle transaction, which releases the lock on the shard's row. A worker that "
        "has lost its lease can store nothing.",
        point=Point.FINDING,
        stored=(1, 5, 9),
        strike=freeze_in_a_write,
        signs=(LOSS_LOGGED,),
        fails_without=WITHOUT_MECHANISM,
    ),
    Fault(
        name="two_workers_on_one_shard",
        when="The model's process is computing. A second worker is running.",
        injected="The shard is returned to the queue while its worker still computes. The second worker claims it.",
        mechanism=FENCED,
        point=Point.CLAIM,
        stored=(0, 4, 8),
        submits=False,
        strike=take_away,
        signs=(LOSS_LOGGED,),
        fails_without="the check of the shard's holder and attempt",
    ),
)
