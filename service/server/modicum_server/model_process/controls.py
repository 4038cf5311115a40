"""The controls that run with a search, on images with a subset (docs/method.md, "What a small subset does not prove").

`modicum_sis.controls` calls the model; its results become the domain's here, one image of the task at a time. No
control changes a finding of the search. A control that scores a variant of the subset is a line of `VARIANTS`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

import modicum_sis.findings as sis
from modicum_sis import (
    Classifier,
    Donors,
    GradientMissing,
    class_targeted,
    dilated,
    fill_robust,
    has_evidence,
    mask_only,
    other_fills,
    random_same_size,
)
from modicum_sis.controls.rescoring import Rescore
from modicum_sis.images.source import Images, Selection

from modicum_server.domain.controls import budget_of, runs_in
from modicum_server.domain.findings import FillFinding, FindingControls, ScoredVariant
from modicum_server.domain.searches import Control, Fill, Search, SearchMethod
from modicum_server.generated.worker_pb2 import Item
from modicum_server.model_process.findings import class_targeted_of, fill_robust_of
from modicum_server.model_process.progress_counts import ProgressCounts
from modicum_server.model_process.search_objects import search_method


@dataclass(frozen=True, slots=True)
class PlannedControl:
    """A control of the task, its budget (0: that of the search), and the positions on which it does not run.

    `method` is the search of `pixel_subsets`; None is batched_gradient.
    """

    control: Control
    passes: int
    excluded: frozenset[int]
    method: SearchMethod | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Searched:
    """An item and the finding on its image. The index of the finding is the item's place in the task."""

    item: Item
    found: sis.Finding

    @property
    def position(self) -> int:
        """The item's position in the audit."""
        return self.item.position


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """One finding, with index 0, and its image: a variant is made from these."""

    classifier: Classifier
    image: Images
    finding: sis.Finding
    seed: int
    donors: Donors | None


VARIANTS: Mapping[Control, Callable[[Subject], Iterator[Rescore]]] = {
    Control.DILATED: lambda of: dilated(of.classifier, of.image, [of.finding], donors=of.donors),
    Control.MASK_ONLY: lambda of: mask_only(of.classifier, of.image, [of.finding]),
    Control.RANDOM: lambda of: random_same_size(of.classifier, of.image, [of.finding], seed=of.seed, donors=of.donors),
}


@dataclass(frozen=True, slots=True, eq=False)
class Controls:
    """Runs the planned controls on searched images; `images` are all of the task."""

    images: Images
    classifier: Classifier
    search: Search
    seed: int
    plans: Sequence[PlannedControl]
    donors: Donors | None
    chunk_size: int
    progress: ProgressCounts
    should_stop: Callable[[], bool]

    def results(self, searched: Sequence[Searched]) -> dict[int, FindingControls]:
        """Return results by position. An image on which nothing ran is left out."""
        results: dict[int, FindingControls] = {}
        for plan in self.plans:
            chosen = [one for one in searched if has_evidence(one.found) and one.position not in plan.excluded]
            for position, result in self._results(plan, chosen):
                results[position] = _joined(results.get(position, FindingControls()), result)
        return results

    def _results(self, plan: PlannedControl, chosen: Sequence[Searched]) -> Iterator[tuple[int, FindingControls]]:
        """Yield the results of one control by position. It can be stopped between images."""
        if not runs_in(self.search, plan.control):
            return
        searches = {Control.CLASS_TARGETED: self._class_targeted, Control.FILL_ROBUST: self._fill_robust}
        if plan.control in searches:
            yield from searches[plan.control](chosen, plan.passes)
            return
        for one in chosen:
            if self.should_stop():
                return
            result = self._fills(one) if plan.control is Control.FILL else self._variants(one, plan.control)
            self.progress.passes_done += len(result.fills) + len(result.variants)
            yield one.position, result

    def _class_targeted(self, chosen: Sequence[Searched], passes: int) -> Iterator[tuple[int, FindingControls]]:
        """Yield results by position; fewer when the search was stopped."""
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
            progress=self.progress.follow(),
            chunk_size=self.chunk_size,
        )
        for other in others:
            if other.finding.reason in {None, sis.Reason.NOT_FOUND}:
                yield positions[other.index], FindingControls(class_targeted=class_targeted_of(other))

    def _fill_robust(self, chosen: Sequence[Searched], passes: int) -> Iterator[tuple[int, FindingControls]]:
        """Yield results by position: none without a useful gradient, fewer when the search was stopped."""
        positions = {one.found.index: one.position for one in chosen}
        results = fill_robust(
            self.classifier,
            self.images,
            [one.found for one in chosen],
            donors=self.donors,
            passes=budget_of(Control.FILL_ROBUST, passes, self.search),
            seed=self.seed,
            should_stop=self.should_stop,
            progress=self.progress.follow(),
            chunk_size=self.chunk_size,
        )
        with suppress(GradientMissing):
            for result in results:
                yield positions[result.index], FindingControls(fill_robust=fill_robust_of(result))

    def _fills(self, one: Searched) -> FindingControls:
        """Return the results of all fills that can be made and scored."""
        of = self._subject(one)
        scores = other_fills(of.classifier, of.image, [of.finding], seed=of.seed, donors=of.donors)
        return FindingControls(
            fills=tuple(
                FillFinding(fill=Fill(score.variant), confidence=score.confidence, sufficient=score.sufficient)
                for score in scores
                if score.confidence is not None
            )
        )

    def _variants(self, one: Searched, control: Control) -> FindingControls:
        """Return the results of all variants that can be made and scored."""
        return FindingControls(
            variants=tuple(
                ScoredVariant(
                    variant=score.variant,
                    confidence=score.confidence,
                    sufficient=score.sufficient,
                    predicted_class=score.predicted_class,
                )
                for score in VARIANTS[control](self._subject(one))
                if score.confidence is not None and score.predicted_class is not None
            )
        )

    def _subject(self, one: Searched) -> Subject:
        image = Selection(self.images, [one.found.index])
        return Subject(self.classifier, image, replace(one.found, index=0), self.seed, self.donors)


def _joined(known: FindingControls, result: FindingControls) -> FindingControls:
    return FindingControls(
        class_targeted=known.class_targeted or result.class_targeted,
        fill_robust=known.fill_robust or result.fill_robust,
        fills=known.fills + result.fills,
        variants=known.variants + result.variants,
    )
