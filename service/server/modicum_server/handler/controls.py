"""The controls that run beside a search, on the images that have a subset: class-targeted and fill. METHOD section 3.

`modicum_sis.controls` asks the model again; here its answers become the domain's, an image of the task at a time.
Neither control changes a finding of the search.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import modicum_sis.findings as sis
from modicum_sis import Classifier, Donors, class_targeted, has_evidence, other_fills
from modicum_sis.images import Images, Selection

from modicum_server.domain.findings import ClassTargetedFinding, FillFinding, FindingControls
from modicum_server.domain.searches import Control, Fill, Search, TargetRule
from modicum_server.handler.answers import class_targeted_of
from modicum_server.handler.methods import search_method
from modicum_server.handler.tallying import Tally
from modicum_server.wire.worker_pb2 import Item


@dataclass(frozen=True, slots=True)
class PlannedControl:
    """A control of the task, its budget (0: the search's own), and the positions on which it does not run."""

    control: Control
    passes: int
    excluded: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """An item and what the search found on its image, whose index is the item's place in the task."""

    item: Item
    found: sis.Finding

    @property
    def position(self) -> int:
        """Of the item among the audit's."""
        return self.item.position


@dataclass(frozen=True, slots=True, eq=False)
class Controls:
    """Runs the planned controls on images that were searched; `images` are all of the task."""

    images: Images
    classifier: Classifier
    search: Search
    seed: int
    plans: Sequence[PlannedControl]
    donors: Donors | None
    chunk_size: int
    tally: Tally
    should_stop: Callable[[], bool]

    def answer(self, searched: Sequence[Searched]) -> dict[int, FindingControls]:
        """Answers by position; an image on which nothing ran has none."""
        targeted: dict[int, ClassTargetedFinding] = {}
        fills: dict[int, tuple[FillFinding, ...]] = {}
        for plan in self.plans:
            chosen = [one for one in searched if has_evidence(one.found) and one.position not in plan.excluded]
            if plan.control is Control.CLASS_TARGETED and self.search.target_rule is TargetRule.PREDICTED:
                targeted.update(self._class_targeted(chosen, plan.passes))
            elif plan.control is Control.FILL:
                fills.update(self._fills(chosen))
        return {
            position: FindingControls(class_targeted=targeted.get(position), fills=fills.get(position, ()))
            for position in targeted.keys() | fills.keys()
        }

    def _class_targeted(self, chosen: Sequence[Searched], passes: int) -> Iterator[tuple[int, ClassTargetedFinding]]:
        """By position; a search that was stopped gives fewer."""
        positions = {one.found.index: one.position for one in chosen}
        others = class_targeted(
            self.classifier,
            self.images,
            [one.found for one in chosen],
            threshold=self.search.threshold,
            search=search_method(self.search, passes),
            fill=self.search.fill.value,
            seed=self.seed,
            donors=self.donors,
            should_stop=self.should_stop,
            progress=self.tally.follow(),
            chunk_size=self.chunk_size,
        )
        for other in others:
            if other.finding.reason in {None, sis.Reason.NOT_FOUND}:
                yield positions[other.index], class_targeted_of(other)

    def _fills(self, chosen: Sequence[Searched]) -> Iterator[tuple[int, tuple[FillFinding, ...]]]:
        """By position; a fill that cannot be made, or scored, is left out."""
        for one in chosen:
            if self.should_stop():
                return
            image, finding = Selection(self.images, [one.found.index]), replace(one.found, index=0)
            scores = other_fills(self.classifier, image, [finding], seed=self.seed, donors=self.donors)
            answers = tuple(
                FillFinding(fill=Fill(score.variant), confidence=score.confidence, sufficient=score.sufficient)
                for score in scores
                if score.confidence is not None
            )
            self.tally.passes_done += len(answers)
            yield one.position, answers
