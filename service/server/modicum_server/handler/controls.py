"""The controls that run beside a search, on the images that have a subset: class-targeted and fill. METHOD section 3.

`modicum_sis.controls` asks the model again; here its answers become the domain's, an image of the task at a time.
Neither control changes a finding of the search.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import modicum_sis.findings as sis
from modicum_sis import Classifier, Donors, class_targeted, has_evidence, other_fills

from modicum_server.domain.findings import ClassTargetedFinding, FillFinding, FindingControls
from modicum_server.domain.searches import Control, Fill, Search, TargetRule
from modicum_server.handler.answers import class_targeted_of
from modicum_server.handler.images import Pictured
from modicum_server.handler.methods import search_method
from modicum_server.handler.tallying import Tally


@dataclass(frozen=True, slots=True)
class PlannedControl:
    """A control of the task, its budget (0: the search's own), and the positions on which it does not run."""

    control: Control
    passes: int
    excluded: frozenset[int]


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """An image and what the search found on it."""

    pictured: Pictured
    found: sis.Finding

    @property
    def position(self) -> int:
        """Of the item."""
        return self.pictured.item.position


@dataclass(frozen=True, slots=True, eq=False)
class Controls:
    """Runs the planned controls on images that were searched."""

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
        others = class_targeted(
            self.classifier,
            [one.pictured.image for one in chosen],
            _in_order(chosen),
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
                yield chosen[other.index].position, class_targeted_of(other)

    def _fills(self, chosen: Sequence[Searched]) -> Iterator[tuple[int, tuple[FillFinding, ...]]]:
        """By position; a fill that cannot be made, or scored, is left out."""
        images = [one.pictured.image for one in chosen]
        for finding in _in_order(chosen):
            if self.should_stop():
                return
            scores = other_fills(self.classifier, images, [finding], seed=self.seed, donors=self.donors)
            answers = tuple(
                FillFinding(fill=Fill(score.variant), confidence=score.confidence, sufficient=score.sufficient)
                for score in scores
                if score.confidence is not None
            )
            self.tally.passes_done += len(answers)
            yield chosen[finding.index].position, answers


def _in_order(chosen: Sequence[Searched]) -> list[sis.Finding]:
    """The findings, each with its place among the chosen as its index."""
    return [replace(one.found, index=place) for place, one in enumerate(chosen)]
