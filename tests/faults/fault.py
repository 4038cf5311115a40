"""A fault is a row of a table: when it happens, what it does, and what must be seen afterwards.

To add one, write a module like this and add its FAULTS to table.py:

    def strike(trial: Trial) -> None:  # inject the fault, and end it
        trial.holder.kill()

    FAULTS = (
        Fault(
            name="worker_killed_before_its_first_finding",  # the test's id and the row's name
            when="A worker is storing the first finding of a shard.",
            injected="The worker is killed (`kill -9`). Another one is started.",
            mechanism="The lease expires, and the shard returns to the queue.",
            fails_without="lease expiry",  # the row failed when this was removed; leave it out if nobody tried
            point=Point.FINDING,  # the gate that holds a transaction there (gates.py); None: no gate
            strike=strike,
            signs=(Metric("api", "modicum_queue_leases_expired_total"),),
        ),
    )

`play` does the same for every fault. It submits the subject's audit (24 pictures in shards of 4) and a second audit in
another project. It waits until a transaction reaches the gate, calls `strike`, opens the gate, and waits until both
audits have ended. `invariants.check` then checks every invariant, and after them what the fault names in `also`.

`strike` may open the gate (`trial.gate.open()`), start another worker (`with trial.stage.another_worker()`), wait for a
condition (`waiting.eventually`), and query the database (`trial.stage.sql`). It draws random values from `trial.random`
and records them with `trial.note`. With `submits=False`, `strike` calls `trial.submit()` itself; faults of CreateAudit
need that. The fault is over when `strike` returns. A `strike` that waits for the end of the audit calls
`trial.ended()` first, because the audit's time counts from there. Undisturbed audits must not show any of the `signs`.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

from modicum import AuditState
from modicum.errors import Unreachable

from tests.faults.gates import Gate, Point, closed
from tests.faults.parts import Part
from tests.faults.signs import Before, Sign
from tests.faults.stage import BESIDE, SUBJECT, Stage
from tests.faults.watcher import Watcher
from tests.waiting import PATIENCE_SECONDS, eventually

#: The specification of every trial's audit, as the client takes it.
SPECIFICATION: Mapping[str, Any] = {
    "models": ["m"],
    "dataset": "pictures",
    "thresholds": [0.9],
    "method": "batched_gradient",
    "pixels_per_step": 2,
    "controls": [],
    "reuse": False,
}


#: `fails_without` of most rows.
WITHOUT_MECHANISM = "this mechanism"
#: Limit of the work after a fault, as a multiple of the undisturbed run's seconds.
WORK_FACTOR = 3.0


@dataclass(frozen=True)
class Fault:
    """One row of the table.

    Attributes:
        stored: one of these numbers is drawn. The gate waits until as many findings (scores, predictions) are stored.
        positions: the items that have a finding at the end; `also` then compares the document. None: all items, and the
            document of the undisturbed run.
        models: models of the subject's audit. Only results of `m` are compared with the undisturbed run.
        fails_without: what was removed to see the row fail; empty if nobody tried.
    """

    name: str
    when: str
    injected: str
    mechanism: str
    strike: "Callable[[Trial], None]"
    signs: Sequence[Sign]
    point: Point | None = None
    stored: Sequence[int] = (0,)
    states: frozenset[AuditState] = frozenset({AuditState.SUCCEEDED})
    also: "Callable[[Trial], None] | None" = None
    submits: bool = True
    positions: frozenset[int] | None = None
    models: Sequence[str] = ("m",)
    fails_without: str = ""


@dataclass(frozen=True)
class Reference:
    """Undisturbed audits: documents by project, the seconds they took, and peak memory by part.

    `start_seconds` is how long the parts, TorchServe and the model's process took to start on this machine.
    """

    documents: Mapping[str, Any]
    seconds: float
    peak_bytes: Mapping[str, int]
    start_seconds: float

    @property
    def bound_seconds(self) -> float:
        """Limit from the fault's end to the audit's end: 60 s, what must start again, and work that is repeated."""
        return 60.0 + WORK_FACTOR * (self.seconds + self.start_seconds)

    @property
    def patience_seconds(self) -> float:
        """How long to wait for an end. It exceeds the limit, so that a late end is reported with its true seconds."""
        return PATIENCE_SECONDS + 10.0 * (self.seconds + self.start_seconds)


@dataclass
class Trial:
    """One run of a fault, as strike functions and invariants see it."""

    fault: Fault
    stage: Stage
    random: random.Random
    reference: Reference
    before: Before
    gate: Gate
    #: Names and watchers of the submitted audits, by project.
    names: dict[str, str] = field(default_factory=dict)
    watchers: dict[str, Watcher] = field(default_factory=dict)
    #: What was drawn and seen, as text for the page.
    notes: list[str] = field(default_factory=list)
    ended_at: float = 0.0

    @property
    def name(self) -> str:
        """Name of the audit that meets the fault."""
        return self.names[SUBJECT]

    @property
    def audit(self) -> Any:
        """The current state of that audit from the API."""
        return self.stage.client(SUBJECT).audits.get(self.name)

    @property
    def holder(self) -> Part:
        """The worker that holds a shard of the audit."""
        return eventually(lambda: self.stage.holder(self.name), "a worker to hold a shard of the audit")

    @property
    def at_gate(self) -> Part:
        """The part whose transaction waits at the gate."""
        application = self.gate.wait_reached()
        return next(part for part in self.stage.parts if application in part.applications)

    def note(self, words: str) -> None:
        """Record what was drawn or seen."""
        self.notes.append(words)

    def submit(self, **specification: Any) -> None:
        """Submit and watch the subject's audit and the other project's audit."""
        for project in (SUBJECT, BESIDE):
            self.submit_to(project, **(specification if project == SUBJECT else {}))

    def submit_to(self, project: str, **specification: Any) -> None:
        """Submit and watch one project's audit."""
        self.follow(project, submitted(self.stage, project, **specification).name)

    def follow(self, project: str, name: str) -> None:
        """Make an audit the project's audit of this trial, and watch it."""
        self.stage.acknowledged[project].add(name)
        self.names[project] = name
        self.watchers[project] = Watcher(self.stage.client(project), name)

    @property
    def stored(self) -> int:
        """Number of stored findings of the audit."""
        query = "SELECT count(*) FROM findings JOIN audits ON audits.id = audit_id WHERE name = %s"
        return int(self.stage.value(query, self.name))

    def wait_computing(self) -> Part:
        """Open the gate and wait until the model's process has computed for a random time. Return its worker."""
        worker, seconds = self.at_gate, self.random.uniform(0.02, 0.2)
        process = self.stage.model_process(worker)
        task = Path(worker.environment["MODICUM_RUN_FOLDER"]) / "slot0" / "task.binpb"
        self.gate.open()
        eventually(task.exists, "a task file to appear")
        spent = sum(process.cpu_times()[:2])
        eventually(lambda: sum(process.cpu_times()[:2]) > spent + seconds, "the model's process to compute")
        self.note(f"{seconds:.2f} s of computing")
        return worker

    def ended(self) -> None:
        """Mark the fault as over. The audit's time counts from here."""
        self.ended_at = monotonic()

    @property
    def took_seconds(self) -> float:
        """Seconds from the fault's end to the audit's end."""
        return max(0.0, self.watchers[SUBJECT].ended_at - self.ended_at)

    def wait_ended(self) -> None:
        """Wait until both audits have ended in any state."""
        for watcher in self.watchers.values():
            watcher.wait(self.reference.patience_seconds)


def submitted(stage: Stage, project: str, **specification: Any) -> Any:
    """Submit an audit of the project's pictures without reuse. The stage records it."""
    try:
        audit = stage.client(project).audits.create(**{**SPECIFICATION, **specification})
    except Unreachable:
        stage.unacknowledged[project] += 1
        raise
    stage.acknowledged[project].add(audit.name)
    return audit


def play(stage: Stage, fault: Fault, seed: int, reference: Reference) -> Trial:
    """Play one fault until both audits have ended. `invariants.check` then checks what must hold."""
    stage.wait_whole()
    drawn = random.Random(f"{fault.name} {seed}")
    with ExitStack() as opened:
        point, stored = fault.point or Point.NOWHERE, drawn.choice(fault.stored)
        gate = opened.enter_context(closed(stage.database.url, point, project=SUBJECT, stored=stored))
        trial = Trial(fault, stage, drawn, reference, Before.of(stage), gate)
        if fault.point in {Point.CLAIM, Point.FINDING, Point.SCORE, Point.PREDICTION}:
            trial.note(f"{stored} stored")
        if fault.submits:
            trial.submit()
            if fault.point is not None:
                gate.wait_reached()
        fault.strike(trial)
        gate.open()
        if not trial.ended_at:
            trial.ended()
        trial.wait_ended()
    stage.wait_whole()
    return trial
