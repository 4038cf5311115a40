"""The control `fill_robust`: what suffices whatever stands elsewhere? METHOD section 3.

A search of its own, in which the fill is a new donor at every step (`robust_search`). Its outcome is verified with
donors that it never saw (`donor_split`), by plain passes over one image alone; nothing unverified is ever given out.
Must not change a finding, and must not take shares over images: that is an audit's business.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from modicum_sis.controls.donor_split import DonorSplit, Fillings
from modicum_sis.controls.rescoring import has_evidence, image_of
from modicum_sis.controls.robust_search import RobustSearch, Sought, steps_of
from modicum_sis.errors import GradientMissing
from modicum_sis.findings import Finding, Passes, Reason, Subset
from modicum_sis.images.fills import Donors, ready_donors
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.limit import Limit
from modicum_sis.model.batching import default_chunk_size
from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.margins import raised
from modicum_sis.progress import Meter, Progress
from modicum_sis.scoring.mask_scorer import MaskScorer
from modicum_sis.scoring.verification import confidence_of, plain_scores
from modicum_sis.validation import whole_number

PASSES = 600
"""Default budget an image, in pass-equivalents, verification included."""
VERIFICATIONS = 2
"""So many are kept back from the search's passes."""
LARGER = 1.2
"""What does not hold with the verifying donors is tried again at this many times its size, and where that does not
either, at the square of it times that, and so on, while passes last."""


@dataclass(frozen=True, slots=True, eq=False)
class FillRobust:
    """What suffices for one image's target class with at least nine in ten verifying donors.

    Attributes:
        index: of the image.
        subset: the smallest verified; the whole image where nothing smaller was; None with a reason.
        verifying_donors: how many verified: those that are neither the image itself nor predicted as the target class.
        sufficient_donors: with how many of them the subset reaches the threshold.
        confidence: that is reached with at least nine in ten of them; None without a subset.
        budget_exhausted: nothing smaller than the whole image was verified.
        size_ratio: the subset's size / the finding's; None where either is missing, or the finding's is empty.
        passes: spent on it, verification included.
        reason: FILL_UNAVAILABLE with fewer than 8 verifying donors, or none to search with; NOT_FOUND where the whole
            image is not sufficient for the class and nothing was verified.
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
    """What suffices whatever stands elsewhere? One result a finding; findings without evidence are passed over.

    Args:
        classifier: the version that was searched; its module needs a gradient.
        images: those that the findings' indices refer to.
        findings: each names the class that is argued for and the threshold.
        donors: other images of the data set, of which at most 64 are drawn, or the pool of `gather_donors`. None, or
            too few, make the control unavailable.
        passes: pass-equivalents an image may cost at the most.
        seed: with an image's digest, the source of random numbers; it alone splits the pool.
        should_stop: asked at every step; what is in work then is not given out.
        progress: told at every step.
        chunk_size: images in work together. Default: by canvas and device.

    Raises:
        ParameterError, CanvasMismatch: the images are not those of the findings, or a number is no such number.
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
            "expected a module whose scores change with the image in a way that autograd sees, as fill_robust follows "
            "gradients; this one's have no gradient, or one of zero. Leave this control out"
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
        if meter.stopped():
            return


def _split(classifier: Classifier, donors: Images | Donors | None, *, seed: int) -> DonorSplit | None:
    """None where there is no pool at all; `gather_donors` wants two images."""
    if donors is None or (not isinstance(donors, Donors) and len(donors) < 2):  # noqa: PLR2004  (two halves)
        return None
    return DonorSplit(ready_donors(classifier, donors, seed=seed), seed=seed)


@dataclass(frozen=True, slots=True, eq=False)
class _Subject:
    """A finding with its image and its donors."""

    finding: Finding
    image: Tensor
    fillings: Fillings
    sought: Sought


@dataclass(frozen=True, slots=True, eq=False)
class _Chunk:
    """Findings that are worked on together."""

    classifier: Classifier
    source: ImageSource
    scorer: MaskScorer
    split: DonorSplit | None
    passes: int

    def results(self, findings: Sequence[Finding]) -> Iterator[FillRobust]:
        """In the order of the findings; none of those that are searched when stopped."""
        subjects = {row: self._subject(row, finding) for row, finding in enumerate(findings)}
        searched = [one for one in subjects.values() if one.fillings.are_enough]
        search = self._search(searched)
        if self.scorer.meter.stopped():
            return
        for row, one in subjects.items():
            result = self._unavailable(one) if search is None or one not in searched else self._verified(search, one)
            spent = self.scorer.passes_of(row) + result.passes
            fraction = None if result.subset is None else result.subset.fraction
            self.scorer.meter.finish_image(planned=self.passes, spent=spent.equivalents, fraction=fraction)
            yield replace(result, passes=spent)

    def _subject(self, row: int, finding: Finding) -> _Subject:
        image = image_of(self.source, finding)
        target, threshold = finding.target_class, finding.parameters.threshold
        fillings = Fillings((), ()) if self.split is None else self.split.for_image(image, finding.digest, target)
        sought = Sought(
            row=row,
            threshold=raised(threshold, finding.parameters.acceleration.aim),
            donors=fillings.searching,
            whole_suffices=finding.confidence >= threshold,
            kept_back=VERIFICATIONS * len(fillings.verifying),
            passes=self.passes,
        )
        self.scorer.place(row, image, image, target)
        return _Subject(finding, image, fillings, sought)

    def _search(self, searched: Sequence[_Subject]) -> RobustSearch | None:
        """The search at its end; it may have found nothing."""
        if self.split is None or not searched:
            return None
        sought = [one.sought for one in searched]
        search = RobustSearch(self.scorer, self.split.donors.images, sought, steps=steps_of(self.passes))
        if search.climb():
            search.resize()
        return search

    def _verified(self, search: RobustSearch, one: _Subject) -> FillRobust:
        """The first mask of the ranking, from the searched size upwards, that holds with the verifying donors."""
        size = one.sought.high if one.sought.high is not None else self.scorer.pixels
        verifying, spent, larger = len(one.fillings.verifying), 0, LARGER
        while size < self.scorer.pixels and (left := one.sought.passes - spent) >= verifying:
            if (
                spent and left < VERIFICATIONS * verifying
            ):  # the last try: rather halfway to the whole image than nothing
                size = max(size, round(math.sqrt(size * self.scorer.pixels)))
            mask = search.mask(one.sought, size)
            confidences = self._confidences(one, mask)
            spent += len(confidences)
            if len(confidences) == verifying and _holding(one, confidences) >= one.fillings.needed:
                return _found(one, Subset(mask.cpu()), confidences, spent)
            size, larger = max(size + 1, round(larger * size)), larger * LARGER
        return self._whole(one, spent)

    def _confidences(self, one: _Subject, mask: Tensor) -> list[float]:
        """Of plain passes, one a verifying donor; cut short once too many have failed."""
        assert self.split is not None
        target, verifying = one.finding.target_class, one.fillings.verifying
        confidences: list[float] = []
        for place in verifying:
            donor = self.split.donors.images[place]
            confidences.append(confidence_of(plain_scores(self.classifier, one.image, donor, mask), target))
            if len(confidences) - _holding(one, confidences) > len(verifying) - one.fillings.needed:
                break
        self.scorer.meter.add_passes(len(confidences))
        return confidences

    def _whole(self, one: _Subject, spent: int) -> FillRobust:
        """The whole image, which hides every donor, where it is sufficient for the class."""
        verifying = len(one.fillings.verifying)
        if not one.sought.whole_suffices:
            passes = Passes(forward=spent)
            return FillRobust(one.finding.index, None, verifying, passes=passes, reason=Reason.NOT_FOUND)
        whole = Subset(torch.ones(self.scorer.shape, dtype=torch.bool))
        found = _found(one, whole, [one.finding.confidence] * verifying, spent)
        return replace(found, budget_exhausted=True)

    def _unavailable(self, one: _Subject) -> FillRobust:
        return FillRobust(one.finding.index, None, len(one.fillings.verifying), reason=Reason.FILL_UNAVAILABLE)


def _found(one: _Subject, subset: Subset, confidences: Sequence[float], spent: int) -> FillRobust:
    own = one.finding.subset
    assert own is not None
    return FillRobust(
        index=one.finding.index,
        subset=subset,
        verifying_donors=len(confidences),
        sufficient_donors=_holding(one, confidences),
        confidence=sorted(confidences, reverse=True)[one.fillings.needed - 1],
        size_ratio=subset.size / own.size if own.size else None,
        passes=Passes(forward=spent),
    )


def _holding(one: _Subject, confidences: Sequence[float]) -> int:
    return sum(confidence >= one.finding.parameters.threshold for confidence in confidences)
