"""A model server whose model is arithmetic: what it finds on an image follows from the image's position.

Image `n` has a subset of `n + 1` pixels of a 4x4 canvas (below 16 images), except where a test says otherwise.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

from modicum_server.domain.audits import AuditItem
from modicum_server.domain.buildable import Families
from modicum_server.domain.findings import Finding, FindingControls, FindingReason, Passes, Subset
from modicum_server.domain.models import ModelCheck, OutputKind
from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace, SpotRow, SpotTrial, class_of_row
from modicum_server.domain.tasks import (
    CheckWork,
    GivenSubset,
    ScoreWork,
    SearchWork,
    SpotWork,
    SubsetScore,
    Task,
    TaskChecked,
    TaskEvent,
    TaskFindings,
    TaskFinished,
    TaskHeartbeat,
    TaskScores,
    TaskSpots,
    TaskStarted,
)
from modicum_server.errors import ModelServerError
from modicum_server.model_server import Cancellation, ExecutableNotEnclosed, ModelDied, ModelServerHealth, TaskFailed

CHECK = ModelCheck(class_count=10, output_kind=OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=1.0)
PASSES = Passes(forward=3, backward=1)
SPOT_PASSES, RETEST_PASSES = 40, 7


def subset_of(position: int) -> Subset:
    size = position % 16 + 1
    return Subset(mask=((0xFFFF << (16 - size)) & 0xFFFF).to_bytes(2, "big"), height=4, width=4, size=size)


def spot_row_of(number: int, work: SpotWork) -> SpotRow:
    """Pixel (1, 2) was copied from each image of the class into one of another class; only class 3 follows it."""
    if work.chosen:
        return retested_row_of(next(row for row in work.chosen if row.number == number))
    target_class = class_of_row(number)
    classes = {item.position: one for item, one in zip(work.items, work.predicted, strict=True)}
    sources = tuple(place for place, one in classes.items() if target_class in {None, one})
    others = tuple(next(place for place, one in classes.items() if one != classes[source]) for source in sources)
    follow, nothing = (target_class == 3,) * len(sources), (0,) * len(sources)
    outcomes = SpotOutcomes(sources, others, follow, (False,) * len(sources), nothing, nothing)
    trial = SpotTrial(0, SpotPlace(SpotKind.WINDOW, 1, 1, 1, 2), (), outcomes, outcomes)
    return SpotRow(target_class, len(sources), (trial,), SPOT_PASSES)


def retested_row_of(row: SpotRow) -> SpotRow:
    """A version that is tested on another's places follows none of them."""

    def unfollowed(outcomes: SpotOutcomes) -> SpotOutcomes:
        return replace(outcomes, here=(False,) * len(outcomes.here))

    trials = tuple(
        replace(trial, pasted=unfollowed(trial.pasted), covered=unfollowed(trial.covered)) for trial in row.trials
    )
    return replace(row, trials=trials, passes=RETEST_PASSES)


def critical_temperature_of(position: int) -> float:
    """Of the first ten images it is above 1: they are eligible."""
    return 2.05 - 0.1 * position


def finding_of(item: AuditItem) -> Finding:
    """What the model's process sends: the worker knows the names."""
    return Finding(
        position=item.position,
        item="",
        image_digest="",
        model_version="",
        search_index=-1,
        predicted_class=item.position % 10,
        target_class=item.position % 10,
        eligible=True,
        confidence=0.97,
        margin=3.5,
        subset=subset_of(item.position),
        verified_confidence=0.95,
        passes=PASSES,
    )


@dataclass(frozen=True)
class ArithmeticIsolation:
    level: str
    encloses_code: bool


@dataclass
class ArithmeticModelServer:
    """`deadly` raises when the search comes to that position, `deadly_scores` when a score does, `grey` at a check.

    `deadly_rows` raises at a row of the spot test, one error a try, and `row_gates` holds it until the event. `gate`
    holds searches after so many `free_images`, and `score_gate` scores after so many `free_scores`.
    """

    slots: int = 1
    encloses_code: bool = True
    deadly: dict[int, ModelServerError] = field(default_factory=dict)
    grey: ModelServerError | None = None
    check: ModelCheck = CHECK
    image_seconds: float = 0.0
    forgotten: frozenset[int] = frozenset()
    unreadable: frozenset[int] = frozenset()
    gate: asyncio.Event | None = None
    deadly_scores: dict[int, ModelServerError] = field(default_factory=dict)
    forgotten_scores: frozenset[int] = frozenset()
    unscored: dict[int, FindingReason] = field(default_factory=dict)
    free_images: int = 0
    score_gate: asyncio.Event | None = None
    free_scores: int = 0
    deadly_rows: dict[int, list[ModelServerError]] = field(default_factory=dict)
    forgotten_rows: frozenset[int] = frozenset()
    deadly_retests: bool = False
    row_gates: dict[int, asyncio.Event] = field(default_factory=dict)
    tasks: list[Task] = field(default_factory=list)
    searched: Counter[int] = field(default_factory=Counter)
    scored: Counter[tuple[str, str, int]] = field(default_factory=Counter)
    tested: Counter[int] = field(default_factory=Counter)
    families: Families | None = None
    cancelled_seen: int = 0
    closed: int = 0
    running: bool = False
    busy: set[int] = field(default_factory=set)

    @property
    def isolation(self) -> ArithmeticIsolation:
        return ArithmeticIsolation("landlock" if self.encloses_code else "none", self.encloses_code)

    @property
    def health(self) -> ModelServerHealth:
        return ModelServerHealth(up=self.running, starts=int(self.running))

    async def start(self) -> None:
        self.running = True

    async def stop(self) -> None:
        self.running = False

    async def buildable(self) -> Families | None:
        return self.families

    async def run(self, slot: int, task: Task, cancelled: Cancellation) -> AsyncIterator[TaskEvent]:
        assert self.running
        assert 0 <= slot < self.slots
        if task.runs_code and not self.encloses_code:
            raise ExecutableNotEnclosed("nothing")
        assert slot not in self.busy, "a slot has one task at a time"
        self.busy.add(slot)
        self.tasks.append(task)
        try:
            yield TaskStarted("cpu", {"torch": "2.13.0", "modicum-sis": "0.1.0"})
            if isinstance(task.work, CheckWork):
                if self.grey is not None:
                    raise self.grey
                yield TaskChecked(self.check)
                yield TaskFinished(2, 1)
                return
            async for event in self._events(task, cancelled):
                yield event
        finally:
            self.busy.discard(slot)
            self.closed += 1

    def _events(self, task: Task, cancelled: Cancellation) -> AsyncIterator[TaskEvent]:
        match task.work:
            case ScoreWork():
                return self._score(task, task.work, cancelled)
            case SpotWork():
                return self._test(task.work, cancelled)
            case SearchWork():
                return self._search(task.work, cancelled)
        raise AssertionError(task.work)

    async def _test(self, work: SpotWork, cancelled: Cancellation) -> AsyncIterator[TaskEvent]:
        for passes, number in enumerate(work.rows, start=1):
            while (gate := self.row_gates.get(number)) and not gate.is_set():
                yield TaskHeartbeat(passes, "spots")
                await asyncio.sleep(0.02)
                self._leave_if(cancelled)
            if work.chosen and self.deadly_retests:
                raise ModelDied
            if self.deadly_rows.get(number):
                raise self.deadly_rows[number].pop()
            self.tested[number] += 1
            if number not in self.forgotten_rows:
                yield TaskSpots((spot_row_of(number, work),), SPOT_PASSES * passes)
        yield TaskFinished(SPOT_PASSES * len(work.rows), 0)

    async def _search(self, work: SearchWork, cancelled: Cancellation) -> AsyncIterator[TaskEvent]:
        passes = 0
        for item in work.items:
            if self.gate is not None:
                while self.searched.total() >= self.free_images and not self.gate.is_set():
                    yield TaskHeartbeat(passes, "searching")
                    await asyncio.sleep(0.02)
                    self._leave_if(cancelled)
            await asyncio.sleep(self.image_seconds)
            self._leave_if(cancelled)
            if item.position in self.deadly:
                raise self.deadly[item.position]
            self.searched[item.position] += 1
            passes += PASSES.equivalents
            if item.position not in self.forgotten:
                yield TaskFindings((self._found(item, work),), passes)
        yield TaskFinished(passes, len(work.items), gradient_free=not self.check.useful_gradient)

    async def _score(self, task: Task, work: ScoreWork, cancelled: Cancellation) -> AsyncIterator[TaskEvent]:
        """An even image's subset keeps its class with the others, at a confidence of 0.95; an odd one's does not."""
        for passes, given in enumerate(work.subsets, start=1):
            while self.score_gate is not None and self._is_held(self.score_gate):
                yield TaskHeartbeat(passes, "scoring")
                await asyncio.sleep(0.02)
                self._leave_if(cancelled)
            await asyncio.sleep(self.image_seconds)
            self._leave_if(cancelled)
            if given.position in self.deadly_scores:
                raise self.deadly_scores[given.position]
            self.scored[task.model_version.name, given.source, given.position] += 1
            if given.position not in self.forgotten_scores:
                yield TaskScores((self._scored(given),), passes)
        yield TaskFinished(len(work.subsets), 0)

    def _is_held(self, score_gate: asyncio.Event) -> bool:
        return self.scored.total() >= self.free_scores and not score_gate.is_set()

    def _scored(self, given: GivenSubset) -> SubsetScore:
        if given.position in self.unscored:
            return SubsetScore(given, reason=self.unscored[given.position])
        if given.position % 2:
            return SubsetScore(given, 0.25, (given.target_class + 1) % self.check.class_count)
        return SubsetScore(given, 0.95, given.target_class)

    def _found(self, item: AuditItem, work: SearchWork) -> Finding:
        if item.position in self.unreadable:
            return unreadable(item)
        found = finding_of(item)
        if not work.critical_temperatures:
            return found
        critical = FindingControls(critical_temperature=critical_temperature_of(item.position))
        return replace(found, controls=critical)

    def _leave_if(self, cancelled: Cancellation) -> None:
        if cancelled.is_set():
            self.cancelled_seen += 1
            raise TaskFailed("CANCELLED", "the task is no longer wanted", model_at_fault=False)


def unreadable(item: AuditItem) -> Finding:
    return Finding(item.position, "", "", "", -1, reason=FindingReason.IMAGE_UNREADABLE)
