"""A fault is a row of a table: where it strikes, what it does, what must be seen. How to add one:

    def strike(trial: Trial) -> None:          # inject the fault, and end it
        trial.holder.kill()

    FAULTS = (
        Fault(
            name="worker_killed_before_its_first_finding",      # the test's id and the row's name
            where="a worker has a shard and stores its first finding",
            injected="kill -9 of the worker; an orchestrator starts the next one",
            mechanism="leases by the database's time; what is stored is not searched again",
            seen_to_fail="with the expiry of leases taken out",     # how the row was seen red; left out if it was not
            point=Point.FINDING,               # the gate that holds a transaction there (gates.py); None: no gate
            strike=strike,
            signs=(Metric("api", "modicum_queue_leases_expired_total"),),
            quick=True,
        ),
    )

and name the module's FAULTS in table.py. `play` does the rest, for each the same: it submits an audit (SUBJECT's, 24
pictures in shards of 4) and another project's beside it, waits until a transaction stands at the gate, calls `strike`,
opens the gate, waits for both ends, checks every invariant. `strike` may open the gate itself (`trial.gate.open()`),
start another worker (`with trial.stage.another_worker()`), wait by condition (`parts.eventually`), look into the
database (`trial.stage.sql`), and draws what it leaves to chance from `trial.random` (and says it in `trial.note`).
A Fault with `submits=False` calls `trial.submit()` in `strike`, for faults of CreateAudit itself. The fault is over
when `strike` returns; one that waits for the audit's end itself says before (`trial.ended()`) from where on the audit's
time counts. `also` is checked after the invariants. `signs` must be such that undisturbed audits leave none of them.
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
from tests.faults.parts import PATIENCE_SECONDS, Part, eventually
from tests.faults.signs import Before, Sign
from tests.faults.stage import BESIDE, SUBJECT, Stage
from tests.faults.watcher import Watcher

#: What every audit of a trial asks for, in the words of the client.
ASKED: Mapping[str, Any] = {
    "models": ["m"],
    "dataset": "pictures",
    "thresholds": [0.9],
    "method": "batched_gradient",
    "pixels_per_step": 2,
    "controls": [],
    "reuse": False,
}


#: How most rows were seen to fail.
WITHOUT_MECHANISM = "with the mechanism taken out of a copy"
#: What the work after a fault may take, of the undisturbed run's seconds.
WORK_FACTOR = 3.0


@dataclass(frozen=True)
class Fault:
    """One row of the table. So many findings (scores, predictions) as one of `stored` are there when its gate holds.

    `models` are those of the subject's audit; what is beside `m` is compared with no undisturbed run.

    `seen_to_fail` says what was taken out when the row was seen red; nobody has tried where it is empty.
    """

    name: str
    where: str
    injected: str
    mechanism: str
    strike: "Callable[[Trial], None]"
    signs: Sequence[Sign]
    point: Point | None = None
    stored: Sequence[int] = (0,)
    states: frozenset[AuditState] = frozenset({AuditState.SUCCEEDED})
    also: "Callable[[Trial], None] | None" = None
    submits: bool = True
    models: Sequence[str] = ("m",)
    quick: bool = False
    seen_to_fail: str = ""


@dataclass(frozen=True)
class Reference:
    """What undisturbed audits looked like: by project the document and the seconds; by part the peak of its memory."""

    documents: Mapping[str, Any]
    seconds: float
    peak_bytes: Mapping[str, int]

    @property
    def bound_seconds(self) -> float:
        """From the fault's end to the audit's: 60 s and its work, which is begun again in part, on a busy machine."""
        return 60.0 + WORK_FACTOR * self.seconds

    @property
    def patience_seconds(self) -> float:
        """How long an end is waited for, so that one that comes too late is told with its true seconds."""
        return PATIENCE_SECONDS + 10.0 * self.seconds


@dataclass
class Trial:
    """One fault that is being played: what strike functions and invariants see."""

    fault: Fault
    stage: Stage
    random: random.Random
    reference: Reference
    before: Before
    gate: Gate
    #: Names of audits by project, and their watchers, once they are submitted.
    names: dict[str, str] = field(default_factory=dict)
    watchers: dict[str, Watcher] = field(default_factory=dict)
    #: What was drawn and seen, in words for the page.
    notes: list[str] = field(default_factory=list)
    ended_at: float = 0.0

    @property
    def name(self) -> str:
        """The audit that meets the fault."""
        return self.names[SUBJECT]

    @property
    def audit(self) -> Any:
        """The same, as the API tells it now."""
        return self.stage.client(SUBJECT).audits.get(self.name)

    @property
    def holder(self) -> Part:
        """The worker that holds a shard of the audit."""
        return eventually(lambda: self.stage.holder(self.name), "a worker to hold a shard of the audit")

    @property
    def at_gate(self) -> Part:
        """The part whose transaction stands at the gate."""
        application = self.gate.wait_reached()
        return next(part for part in self.stage.parts if application in part.applications)

    def note(self, words: str) -> None:
        """Keep what was drawn or seen."""
        self.notes.append(words)

    def submit(self, **specification: Any) -> None:
        """Ask for the audit and for the one beside it, and watch both."""
        for project in (SUBJECT, BESIDE):
            self.submit_to(project, **(specification if project == SUBJECT else {}))

    def submit_to(self, project: str, **specification: Any) -> None:
        """Ask for one project's audit, and watch it."""
        self.follow(project, submitted(self.stage, project, **specification).name)

    def follow(self, project: str, name: str) -> None:
        """Take an audit as this trial's of the project, and watch it."""
        self.stage.asked[project].add(name)
        self.names[project] = name
        self.watchers[project] = Watcher(self.stage.client(project), name)

    @property
    def stored(self) -> int:
        """Findings of the audit that are stored."""
        query = "SELECT count(*) FROM findings JOIN audits ON audits.id = audit_id WHERE name = %s"
        return int(self.stage.value(query, self.name))

    def wait_computing(self) -> Part:
        """Open the gate, wait until the model's process computes for the audit, a moment that is drawn; its worker."""
        worker, seconds = self.at_gate, self.random.uniform(0.02, 0.2)
        process = self.stage.model_process(worker)
        task = Path(worker.environment["MODICUM_RUN_FOLDER"]) / "slot0" / "task.binpb"
        self.gate.open()
        eventually(task.exists, "a task to be staged")
        spent = sum(process.cpu_times()[:2])
        eventually(lambda: sum(process.cpu_times()[:2]) > spent + seconds, "the model's process to compute")
        self.note(f"{seconds:.2f} s of computing")
        return worker

    def ended(self) -> None:
        """Say that the fault is over, or all there: from here on the audit's time counts."""
        self.ended_at = monotonic()

    @property
    def took_seconds(self) -> float:
        """From the fault's end to the audit's."""
        return max(0.0, self.watchers[SUBJECT].ended_at - self.ended_at)

    def wait_ended(self) -> None:
        """Wait for the end of both audits, whatever it is."""
        for watcher in self.watchers.values():
            watcher.wait(self.reference.patience_seconds)


def submitted(stage: Stage, project: str, **specification: Any) -> Any:
    """An audit of the project's pictures that no stored answer replaces; the stage keeps account of it."""
    try:
        audit = stage.client(project).audits.create(**{**ASKED, **specification})
    except Unreachable:
        stage.unanswered[project] += 1
        raise
    stage.asked[project].add(audit.name)
    return audit


def play(stage: Stage, fault: Fault, seed: int, reference: Reference) -> Trial:
    """Play one fault to the end of both audits. What must hold then is checked by `invariants.check`."""
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
