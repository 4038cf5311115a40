"""The pixel-subsets control: what does the model recognise in the last 5% of the pixels?

See docs/method.md, "Pixel subsets". Every image, eligible or not, is descended by `batched_gradient` for its predicted
class; its label does not matter. Reported scores are plain passes over one image alone. Shares and means over images
are computed elsewhere.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.findings import Finding, Passes, Trace
from modicum_sis.images.fills import Donors, Fills, ready_donors
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.model.classifier import Canvas, Classifier
from modicum_sis.numerics.seeding import generator
from modicum_sis.progress import Progress
from modicum_sis.run.find_subsets import find_subsets
from modicum_sis.scoring.verification import confidence_of, plain_scores
from modicum_sis.searches.batched_gradient import BatchedGradient
from modicum_sis.validation import share

KEPT_SHARE = 0.05
"""The paper's share: 52 of 1,024 pixels."""
NEVER_SUFFICIENT = math.nextafter(1.0, 0.0)
"""No subset is searched, so a descent goes on to the bare fill at any confidence."""
RANDOM_SUBSET = "random pixel subset"
"""The purpose under which random pixels are drawn."""
SCORING_PASSES = 3
"""Forward passes of one image besides the descent: the whole image, its subset, the random one."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelSubset:
    """The result for one image.

    Attributes:
        index: the index of the image.
        target_class: the class predicted on the whole image.
        mask: (H, W) bool, the `ceil(kept_share * H * W)` pixels that the descent removed last.
        predicted_class: on the image under that mask.
        confidence: of the target class there.
        random_predicted_class: on the image under as many random pixels.
        random_confidence: of the target class there.
        trace: the whole descent, from all pixels to the bare fill. Its scores are confidences of the target class.
        passes: all passes spent on the image.
    """

    index: int
    target_class: int
    mask: Tensor
    predicted_class: int
    confidence: float
    random_predicted_class: int
    random_confidence: float
    trace: Trace
    passes: Passes


def pixel_subsets(
    classifier: Classifier,
    images: Images,
    *,
    kept_share: float = KEPT_SHARE,
    pixels_per_step: int | None = None,
    fill: str = "mean",
    seed: int = 0,
    donors: Images | Donors | None = None,
    digests: Sequence[str] | None = None,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
    chunk_size: int | None = None,
) -> Iterator[PixelSubset]:
    """Descend every image to a share of its pixels, and score them against as many random pixels.

    Some images are left out: those on which the model returns NaN, whose fill cannot be made, whose bare fill is as
    confident as a number can be, or that were not done when the run was stopped. `kept_share` lies strictly between 0
    and 1. `pixels_per_step` is that of `BatchedGradient`; all other parameters are those of `find_subsets`.

    Raises:
        ParameterError, ImageError, FillUnavailable, ModelError, GradientMissing: as `find_subsets`.
    """
    kept_share = share("kept_share", kept_share)
    source = ImageSource(classifier, images, digests)
    pool = ready_donors(classifier, donors, seed=seed) if donors is not None and fill == "marginal" else None
    fills = Fills(fill, classifier, seed=seed, donors=pool)
    descents = find_subsets(
        classifier,
        images,
        threshold=NEVER_SUFFICIENT,
        search=BatchedGradient(pixels_per_step),
        fill=fill,
        seed=seed,
        targets=_predicted(classifier, source),
        donors=pool,
        digests=digests,
        should_stop=should_stop,
        progress=progress,
        chunk_size=chunk_size,
    )
    for descent in descents:
        if descent.trace is not None and int(descent.trace.kept[-1]) == 0:
            yield _scored(classifier, source, fills, descent, kept_share)


def planned_pixel_subset_passes(canvas: Canvas, pixels_per_step: int | None = None) -> int:
    """The most pass-equivalents of one image."""
    return SCORING_PASSES + BatchedGradient(pixels_per_step).planned_passes(canvas)


def _predicted(classifier: Classifier, source: ImageSource) -> list[int]:
    """The predicted class of every image. If the model returns NaN it is any class; that image is left out later."""
    return [int(classifier.plain_logits(source.load(index)[0]).argmax()) for index in range(len(source))]


def _scored(
    classifier: Classifier, source: ImageSource, fills: Fills, descent: Finding, kept_share: float
) -> PixelSubset:
    assert descent.trace is not None
    image, _ = source.load(descent.index)
    painted = fills.of(image, descent.digest, descent.target_class)
    size = math.ceil(kept_share * descent.trace.start.numel())
    mask = torch.ones(descent.trace.start.numel(), dtype=torch.bool)
    mask[descent.trace.order[: len(mask) - size]] = False
    scattered = torch.zeros_like(mask)
    drawn = torch.randperm(len(mask), generator=generator(descent.parameters.seed, descent.digest, RANDOM_SUBSET))
    scattered[drawn[:size]] = True
    shape = descent.trace.start.shape
    chosen, by_chance = (plain_scores(classifier, image, painted, each.view(shape)) for each in (mask, scattered))
    return PixelSubset(
        index=descent.index,
        target_class=descent.target_class,
        mask=mask.view(shape),
        predicted_class=int(chosen.argmax()),
        confidence=confidence_of(chosen, descent.target_class),
        random_predicted_class=int(by_chance.argmax()),
        random_confidence=confidence_of(by_chance, descent.target_class),
        trace=descent.trace,
        passes=descent.passes + Passes(forward=SCORING_PASSES),
    )
