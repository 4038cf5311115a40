"""The controls that run beside a search, on the images that have a subset: class-targeted and fill. METHOD section 3.

Both ask the same model again; neither changes a finding of the search. Every random number comes from (audit seed,
image digest, purpose), so a control's answer depends on no neighbour.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import modicum_sis.findings as sis
from modicum_sis import Classifier, find_subsets
from modicum_sis.errors import FillUnavailable
from modicum_sis.fills import Donors, Fills
from modicum_sis.seeding import draw_index, generator
from modicum_sis.verification import confidence_of, plain_scores
from torch import Tensor

from modicum_server.domain.findings import ClassTargetedFinding, FillFinding, FindingControls
from modicum_server.domain.searches import Control, Fill, Search, TargetRule
from modicum_server.handler.answers import class_targeted_of
from modicum_server.handler.images import Pictured
from modicum_server.handler.methods import search_method
from modicum_server.handler.tallying import Tally

OTHER_CLASS = "other class"
"""Purpose of the seed that draws it; shared by the control and by searches with that target rule."""


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
    def mask(self) -> Tensor | None:
        """The subset's mask where there is something to control: a subset that the fill alone does not explain."""
        if self.found.subset is None or self.found.baseline_confident:
            return None
        return self.found.subset.mask


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
            chosen = [one for one in searched if one.mask is not None and _position(one) not in plan.excluded]
            if plan.control is Control.CLASS_TARGETED and self.search.target_rule is TargetRule.PREDICTED:
                targeted |= self._class_targeted(chosen, plan.passes)
            elif plan.control is Control.FILL:
                fills |= {_position(one): self._fills(one) for one in chosen if not self.should_stop()}
        return {
            position: FindingControls(class_targeted=targeted.get(position), fills=fills.get(position, ()))
            for position in targeted.keys() | fills.keys()
        }

    def _class_targeted(self, chosen: Sequence[Searched], passes: int) -> dict[int, ClassTargetedFinding]:
        if not chosen:
            return {}
        found = find_subsets(
            self.classifier,
            [one.pictured.image for one in chosen],
            threshold=self.search.threshold,
            search=search_method(self.search, passes),
            fill=self.search.fill.value,
            seed=self.seed,
            targets=[self._other_class(one) for one in chosen],
            donors=None if self.donors is None else self.donors.images,
            digests=[one.found.digest for one in chosen],
            should_stop=self.should_stop,
            progress=self.tally.follow(),
            chunk_size=self.chunk_size,
        )
        return {
            _position(one): class_targeted_of(other, one.found.subset.size)
            for one, other in zip(chosen, found, strict=False)  # a stopped search ends early
            if one.found.subset is not None and other.reason in {None, sis.Reason.NOT_FOUND}
        }

    def _other_class(self, one: Searched) -> int:
        return other_class(
            self.classifier, seed=self.seed, digest=one.found.digest, predicted=one.found.predicted_class
        )

    def _fills(self, one: Searched) -> tuple[FillFinding, ...]:
        return tuple(
            answer for fill in Fill if fill is not self.search.fill and (answer := self._fill(one, fill)) is not None
        )

    def _fill(self, one: Searched, fill: Fill) -> FillFinding | None:
        """Re-score the subset; None where the fill cannot be made."""
        mask, target = one.mask, one.found.target_class
        assert mask is not None
        image = one.pictured.image.to(device=self.classifier.device, dtype=self.classifier.dtype)
        try:
            fills = Fills(fill.value, self.classifier, seed=self.seed, donors=self.donors)
            painted = fills.of(image, one.found.digest, target)
        except FillUnavailable:
            return None
        confidence = confidence_of(plain_scores(self.classifier, image, painted, mask), target)
        self.tally.passes_done += 1
        return FillFinding(fill=fill, confidence=confidence, sufficient=confidence >= self.search.threshold)


def other_class(classifier: Classifier, *, seed: int, digest: str, predicted: int) -> int:
    """Draw a class that is not the predicted one, all others equally likely."""
    assert classifier.class_count is not None
    drawn = draw_index(classifier.class_count - 1, generator(seed, digest, OTHER_CLASS))
    return drawn + (drawn >= predicted)


def _position(one: Searched) -> int:
    return one.pictured.item.position
