"""The control `fill_robust`: which pixels suffice with any fill?

See docs/method.md, "What a small subset does not prove". It is a separate search in which the fill is a new donor at
every step (`robust_search`). The result is verified with donors that the search never saw (`donor_split`), by plain
passes over one image alone. Only verified subsets are returned. The finding is not changed, and shares over images are
computed elsewhere.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modicum_sis.controls.controllable_findings import has_evidence, image_of
from modicum_sis.controls.donor_split import DonorSplit, ImageDonors
from modicum_sis.controls.robust_search import VERIFICATIONS, RobustSearch, SearchState, can_find, steps_of
from modicum_sis.errors import GradientMissing
from modicum_sis.findings import Finding, Passes, Reason, Subset
from modicum_sis.images.fills import Donors, ready_donors
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.limit import Limit
from modicum_sis.model.chunk_size import default_chunk_size
from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.margins import raised
from modicum_sis.progress import Meter, Progress
from modicum_sis.scoring.mask_scorer import MaskScorer
from modicum_sis.scoring.verification import confidence_of, plain_scores
from modicum_sis.validation import whole_number

PASSES = 600
"""Default budget of one image in pass-equivalents, verification included."""
LARGER = 1.2
"""A mask that fails with the verifying donors is tried again at this many times its size. Each further attempt
multiplies this factor by itself once more, while passes last."""


@dataclass(frozen=True, slots=True, eq=False)
class FillRobust:
    """The subset that suffices for one image's target class with at least nine in ten verifying donors.

    Attributes:
        index: the index of the image.
        subset: the smallest verified subset; the whole image if nothing smaller was verified; None with a reason.
        verifying_donors: the number of donors that verified it. None is the image itself or predicted as the target.
        sufficient_donors: the number of them with which the subset reaches the threshold.
        confidence: the confidence that is reached with at least nine in ten of them; None without a subset.
        budget_exhausted: whether nothing smaller than the whole image was verified.
        size_ratio: the subset's size / the finding's; None if either is missing, or the finding's is empty.
        passes: the passes spent on it, verification included.
        reason: FILL_UNAVAILABLE with fewer than 8 verifying donors, or none to search with, or with a budget at which
            the search can find nothing (`robust_search.can_find`). NOT_FOUND if the whole image is not sufficient for
            the class and nothing was verified.
    """

    index: int
    subset: Subset | None
    verifying_donors: int
    sufficient_donors: int = 0
    confidence: float | None = None
    budget_exhausted: bool = False
    size_ratio: float | None = None
    passes: Passes = Passes()  # noqa: RUF009  (a frozen value)
    reason: Reason | None = None


def fill_robust(
    classifier: Classifier,
    images: Images,
    findings: Iterable[Finding],
    *,
    donors: Images | Donors | None,
    passes: int = PASSES,
    seed: int = 0,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
    chunk_size: int | None = None,
) -> Iterator[FillRobust]:
    """Which pixels suffice with any fill? One result for each finding; findings without evidence are skipped.

    Args:
        classifier: the classifier that was searched. Its module needs a gradient.
        images: those that the findings' indices refer to.
        findings: each names its target class and threshold.
        donors: other images of the data set, of which at most 64 are drawn, or a pool from `gather_donors`. With None
            or too few donors the control is unavailable.
        passes: the most pass-equivalents of one image.
        seed: with an image's digest, the source of random numbers. It alone splits the pool.
        should_stop: called at every step. After True, images in work are not returned.
        progress: called at every step.
        chunk_size: the number of images in work together. Default: by canvas and device.

    Raises:
        ParameterError, CanvasMismatch: an argument is invalid, or the images are not those of the findings.
        GradientMissing: the module has no useful gradient.
    """
    passes, seed = whole_number("passes", passes, least=1), whole_number("seed", seed)
    chosen = [finding for finding in findings if has_evidence(finding)]
    if not chosen:
        return
    source = ImageSource(classifier, images)
    canvas = source.canvas()
    if not classifier.inspect(canvas).has_gradient:
        raise GradientMissing(
            "fill_robust needs gradients; this module has none, or they are zero. Leave this control out"
        )
    split = _split(classifier, donors, seed=seed)
    meter = Meter(
        images_total=len(chosen),
        passes_planned=len(chosen) * passes,
        progress=should_stop.following(progress) if isinstance(should_stop, Limit) else progress,
        should_stop=should_stop,
    )
    size = chunk_size or default_chunk_size(canvas, classifier.device)
    for start in range(0, len(chosen), size):
        part = chosen[start : start + size]
        scorer = MaskScorer(classifier, canvas, rows=len(part), batch_size=size, meter=meter)
        yield from _Chunk(classifier, source, scorer, split, passes).results(part)
        if meter.poll_stop():
            return


def _split(classifier: Classifier, donors: Images | Donors | None, *, seed: int) -> DonorSplit | None:
    """The split pool; None if there is no pool. `gather_donors` needs two images."""
    if donors is None or (not isinstance(donors, Donors) and len(donors) < 2):  # noqa: PLR2004  (two halves)
        return None
    return DonorSplit(ready_donors(classifier, donors, seed=seed), seed=seed)


@dataclass(frozen=True, slots=True, eq=False)
class _ControlledImage:
    """A finding with its image, its donors and the state of its search."""

    finding: Finding
    image: Tensor
    donors: ImageDonors
    state: SearchState


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Findings that are in work together."""

    classifier: Classifier
    source: ImageSource
    scorer: MaskScorer
    split: DonorSplit | None
    passes: int

    def results(self, findings: Sequence[Finding]) -> Iterator[FillRobust]:
        """Yield results in the order of the findings. If the run is stopped, searched images are left out."""
        images = {row: self._prepare(row, finding) for row, finding in enumerate(findings)}
        searched = [one for one in images.values() if one.donors.are_enough and self._can_find(one)]
        search = self._search(searched)
        if self.scorer.meter.poll_stop():
            return
        for row, one in images.items():
            result = self._unavailable(one) if search is None or one not in searched else self._verified(search, one)
            spent = self.scorer.passes_of(row) + result.passes
            fraction = None if result.subset is None else result.subset.fraction
            self.scorer.meter.finish_image(planned=self.passes, spent=spent.equivalents, fraction=fraction)
            yield replace(result, passes=spent)

    def _can_find(self, one: _ControlledImage) -> bool:
        return can_find(self.passes, verifying=len(one.donors.verifying), searching=len(one.donors.searching))

    def _prepare(self, row: int, finding: Finding) -> _ControlledImage:
        image = image_of(self.source, finding)
        target, threshold = finding.target_class, finding.parameters.threshold
        donors = ImageDonors((), ()) if self.split is None else self.split.for_image(image, finding.digest, target)
        state = SearchState(
            row=row,
            threshold=raised(threshold, finding.parameters.acceleration.aim),
            donors=donors.searching,
            whole_suffices=finding.confidence >= threshold,
            reserved=VERIFICATIONS * len(donors.verifying),
            passes=self.passes,
        )
        self.scorer.place(row, image, image, target)
        return _ControlledImage(finding, image, donors, state)

    def _search(self, searched: Sequence[_ControlledImage]) -> RobustSearch | None:
        """Run the search to its end. It may have found nothing."""
        if self.split is None or not searched:
            return None
        states = [one.state for one in searched]
        search = RobustSearch(self.scorer, self.split.donors.images, states, steps=steps_of(self.passes))
        if search.ascend():
            search.find_smallest_size()
        return search

    def _verified(self, search: RobustSearch, one: _ControlledImage) -> FillRobust:
        """The first mask along the ranking, from the searched size upwards, that passes with the verifying donors."""
        size = one.state.high if one.state.high is not None else self.scorer.pixels
        verifying, spent, larger = len(one.donors.verifying), 0, LARGER
        while size < self.scorer.pixels and (left := one.state.passes - spent) >= verifying:
            if (
                spent and left < VERIFICATIONS * verifying
            ):  # the last try: rather halfway to the whole image than nothing
                size = max(size, round(math.sqrt(size * self.scorer.pixels)))
            mask = search.mask(one.state, size)
            confidences = self._confidences(one, mask)
            spent += len(confidences)
            if len(confidences) == verifying and _count_sufficient(one, confidences) >= one.donors.needed:
                return _found(one, Subset(mask.cpu()), confidences, spent)
            size, larger = max(size + 1, round(larger * size)), larger * LARGER
        return self._whole(one, spent)

    def _confidences(self, one: _ControlledImage, mask: Tensor) -> list[float]:
        """Confidences of plain passes, one for each verifying donor. Ends early once too many have failed."""
        assert self.split is not None
        target, verifying = one.finding.target_class, one.donors.verifying
        confidences: list[float] = []
        for place in verifying:
            donor = self.split.donors.images[place]
            confidences.append(confidence_of(plain_scores(self.classifier, one.image, donor, mask), target))
            if len(confidences) - _count_sufficient(one, confidences) > len(verifying) - one.donors.needed:
                break
        self.scorer.meter.add_passes(len(confidences))
        return confidences

    def _whole(self, one: _ControlledImage, spent: int) -> FillRobust:
        """The whole image, which hides every donor, if it is sufficient for the class."""
        verifying = len(one.donors.verifying)
        if not one.state.whole_suffices:
            passes = Passes(forward=spent)
            return FillRobust(one.finding.index, None, verifying, passes=passes, reason=Reason.NOT_FOUND)
        whole = Subset(torch.ones(self.scorer.shape, dtype=torch.bool))
        found = _found(one, whole, [one.finding.confidence] * verifying, spent)
        return replace(found, budget_exhausted=True)

    def _unavailable(self, one: _ControlledImage) -> FillRobust:
        return FillRobust(one.finding.index, None, len(one.donors.verifying), reason=Reason.FILL_UNAVAILABLE)


def _found(one: _ControlledImage, subset: Subset, confidences: Sequence[float], spent: int) -> FillRobust:
    own = one.finding.subset
    assert own is not None
    return FillRobust(
        index=one.finding.index,
        subset=subset,
        verifying_donors=len(confidences),
        sufficient_donors=_count_sufficient(one, confidences),
        confidence=sorted(confidences, reverse=True)[one.donors.needed - 1],
        size_ratio=subset.size / own.size if own.size else None,
        passes=Passes(forward=spent),
    )


def _count_sufficient(one: _ControlledImage, confidences: Sequence[float]) -> int:
    return sum(confidence >= one.finding.parameters.threshold for confidence in confidences)
