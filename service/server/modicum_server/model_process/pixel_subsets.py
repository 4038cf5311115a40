"""The pixel-subsets control on all images of a chunk, eligible or not (docs/method.md, "Pixel subsets").

`modicum_sis.pixel_subsets` searches and scores; its results become the domain's here. A measure computes the accuracy.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import modicum_sis.findings as sis
from modicum_sis import BatchedGradient, Classifier, Donors, MaskOptimization, pixel_subsets
from modicum_sis.controls.pixel_subsets import SCORING_PASSES, PixelSearch
from modicum_sis.images.source import Selection

from modicum_server.domain.findings import FindingControls
from modicum_server.domain.pixel_subsets import DEFAULT_PASSES, KEPT_SHARE, descent_within
from modicum_server.domain.searches import Fill, SearchMethod
from modicum_server.model_process.controls import PlannedControl, Searched
from modicum_server.model_process.findings import pixel_subset_of
from modicum_server.model_process.images import TaskImages
from modicum_server.model_process.progress_counts import ProgressCounts


@dataclass(frozen=True, slots=True, eq=False)
class PixelSubsets:
    """Runs the control on searched images; `plan` is None when it does not run."""

    images: TaskImages
    classifier: Classifier
    fill: Fill
    seed: int
    plan: PlannedControl | None
    donors: Donors | None
    chunk_size: int
    progress: ProgressCounts
    should_stop: Callable[[], bool]

    def results(self, searched: Sequence[Searched], known: dict[int, FindingControls]) -> dict[int, FindingControls]:
        """Add the results of this control, by position; an image that could not be scored gets none.

        Raises:
            modicum_sis.errors.GradientMissing: the version has no useful gradient.
        """
        chosen = [one for one in searched if self._runs(one)]
        if self.plan is None or not chosen:
            return known
        results = dict(known)
        found = pixel_subsets(
            self.classifier,
            Selection(self.images, [one.found.index for one in chosen]),
            kept_share=KEPT_SHARE,
            search=self._search(self.plan),
            fill=self.fill.value,
            seed=self.seed,
            donors=self.donors,
            digests=[one.item.image_digest for one in chosen],
            should_stop=self.should_stop,
            progress=self.progress.follow(),
            chunk_size=self.chunk_size,
        )
        for one in found:
            self.progress.passes_done += SCORING_PASSES
            position = chosen[one.index].position
            results[position] = replace(
                results.get(position, FindingControls()), pixel_subset=pixel_subset_of(one, self.plan.method)
            )
        return results

    def _search(self, plan: PlannedControl) -> PixelSearch:
        """Return the search of the plan. A descent without a budget has the library's pixels a step."""
        if plan.method is SearchMethod.MASK_OPTIMIZATION:
            return MaskOptimization(passes=plan.passes or DEFAULT_PASSES)
        return BatchedGradient(descent_within(plan.passes, self.images.canvas).pixels_per_step if plan.passes else None)

    def _runs(self, one: Searched) -> bool:
        return (
            self.plan is not None
            and one.position not in self.plan.excluded
            and one.found.reason not in {sis.Reason.NOT_FINITE, sis.Reason.FILL_UNAVAILABLE}
            and self.images.reason(one.found.index) is None
        )
