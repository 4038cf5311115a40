"""The pixel-subsets control: what does the model recognise in the best 5% of the pixels?

See docs/method.md, "Pixel subsets". On every image, eligible or not, a search chooses the pixels for the predicted
class; the label does not matter. `mask_optimization` searches at this size (`searches.fixed_size`), `batched_gradient`
descends to it. Reported scores are plain passes over one image alone. Shares and means over images are computed
elsewhere.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from modicum_sis.errors import GradientMissing, ParameterError
from modicum_sis.findings import Finding, Passes, Trace
from modicum_sis.images.fills import Donors, Fills, ready_donors
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.model.classifier import Canvas, Classifier
from modicum_sis.numerics.seeding import generator
from modicum_sis.progress import Progress
from modicum_sis.run.find_subsets import find_subsets
from modicum_sis.scoring.verification import confidence_of, plain_scores
from modicum_sis.searches.batched_gradient import BatchedGradient
from modicum_sis.searches.fixed_size import FEWEST_PASSES, FixedSize
from modicum_sis.searches.mask_optimization import MaskOptimization
from modicum_sis.searches.protocol import Search
from modicum_sis.validation import share

KEPT_SHARE = 0.05
"""The paper's share: 52 of 1,024 pixels."""
NEVER_SUFFICIENT = math.nextafter(1.0, 0.0)
"""Nothing has to suffice, so a descent goes on to the bare fill at any confidence."""
RANDOM_SUBSET = "random pixel subset"
"""The purpose under which random pixels are drawn."""
SCORING_PASSES = 3
"""Forward passes of one image besides the search: the whole image, its subset, the random one."""
PASSES = 300
"""Default budget of one image in pass-equivalents, everything included."""

PixelSearch = MaskOptimization | BatchedGradient
"""The searches that can choose a given number of pixels."""


@dataclass(frozen=True, slots=True, eq=False)
class PixelSubset:
    """The result for one image.

    Attributes:
        index: the index of the image.
        target_class: the class predicted on the whole image.
        mask: (H, W) bool, the `ceil(kept_share * H * W)` pixels that the search chose.
        predicted_class: on the image under that mask.
        confidence: of the target class there.
        random_predicted_class: on the image under as many random pixels.
        random_confidence: of the target class there.
        trace: the whole descent of `batched_gradient`, from all pixels to the bare fill. Its scores are confidences of
            the target class. None where `mask_optimization` searched, which does not descend.
        passes: all passes spent on the image.
    """

    index: int
    target_class: int
    mask: Tensor
    predicted_class: int
    confidence: float
    random_predicted_class: int
    random_confidence: float
    trace: Trace | None
    passes: Passes


def pixel_subsets(
    classifier: Classifier,
    images: Images,
    *,
    kept_share: float = KEPT_SHARE,
    search: PixelSearch | None = None,
    fill: str = "mean",
    seed: int = 0,
    donors: Images | Donors | None = None,
    digests: Sequence[str] | None = None,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
    chunk_size: int | None = None,
) -> Iterator[PixelSubset]:
    """Choose a share of the pixels of every image, and score them against as many random pixels.

    Some images are left out: those on which the model returns NaN, whose fill cannot be made, whose bare fill is as
    confident as a number can be, or that were not done when the run was stopped. `kept_share` lies strictly between 0
    and 1. `search` is a `MaskOptimization` or a `BatchedGradient`, by default a `MaskOptimization` of 300 passes; its
    passes include everything. All other parameters are those of `find_subsets`.

    Raises:
        ParameterError, ImageError, FillUnavailable, ModelError, GradientMissing: as `find_subsets`.
    """
    kept_share = share("kept_share", kept_share)
    source = ImageSource(classifier, images, digests)
    if not len(source):
        return
    canvas = source.canvas()
    if not classifier.inspect(canvas).has_gradient:
        raise GradientMissing(
            "pixel_subsets needs gradients; this module has none, or they are zero. Leave this control out"
        )
    size = math.ceil(kept_share * canvas[-2] * canvas[-1])
    pool = ready_donors(classifier, donors, seed=seed) if donors is not None and fill == "marginal" else None
    fills = Fills(fill, classifier, seed=seed, donors=pool)
    chosen = find_subsets(
        classifier,
        images,
        threshold=NEVER_SUFFICIENT,
        search=_at_size(search or MaskOptimization(PASSES), size),
        fill=fill,
        seed=seed,
        targets=_predicted(classifier, source),
        donors=pool,
        digests=digests,
        should_stop=should_stop,
        progress=progress,
        chunk_size=chunk_size,
    )
    for found in chosen:
        if found.trace is not None:
            yield _scored(classifier, source, fills, found, size)


def planned_pixel_subset_passes(canvas: Canvas, search: PixelSearch | None = None) -> int:
    """The most pass-equivalents of one image."""
    return SCORING_PASSES + _at_size(search or MaskOptimization(PASSES), 1).planned_passes(canvas)


def _at_size(search: PixelSearch, size: int) -> Search:
    """The search that chooses so many pixels. The passes of `MaskOptimization` pay for the scoring too."""
    if isinstance(search, BatchedGradient):
        return search
    if not isinstance(search, MaskOptimization):
        raise ParameterError(f"search: expected MaskOptimization or BatchedGradient; got {type(search).__name__}")
    least = SCORING_PASSES + FEWEST_PASSES
    if search.passes < least:
        raise ParameterError(f"passes: expected {least} or more for pixel subsets; got {search.passes}")
    return FixedSize(size, search.passes - SCORING_PASSES)


def _predicted(classifier: Classifier, source: ImageSource) -> list[int]:
    """The predicted class of every image. If the model returns NaN it is any class; that image is left out later."""
    return [int(classifier.plain_logits(source.load(index)[0]).argmax()) for index in range(len(source))]


def _scored(classifier: Classifier, source: ImageSource, fills: Fills, found: Finding, size: int) -> PixelSubset:
    assert found.trace is not None
    image, _ = source.load(found.index)
    painted = fills.of(image, found.digest, found.target_class)
    mask = _last_pixels(found.trace, size)
    scattered = _random_pixels(mask, size, generator(found.parameters.seed, found.digest, RANDOM_SUBSET))
    chosen, by_chance = (plain_scores(classifier, image, painted, each) for each in (mask, scattered))
    return PixelSubset(
        index=found.index,
        target_class=found.target_class,
        mask=mask,
        predicted_class=int(chosen.argmax()),
        confidence=confidence_of(chosen, found.target_class),
        random_predicted_class=int(by_chance.argmax()),
        random_confidence=confidence_of(by_chance, found.target_class),
        trace=found.trace if isinstance(found.parameters.search, BatchedGradient) else None,
        passes=found.passes + Passes(forward=SCORING_PASSES),
    )


def _last_pixels(trace: Trace, size: int) -> Tensor:
    """The pixels (H, W) that a trace removes last; those that it starts with, if it starts with so many."""
    mask = trace.start.clone().flatten()
    mask[trace.order[: int(trace.kept[0]) - size]] = False
    return mask.view(trace.start.shape)


def _random_pixels(like: Tensor, size: int, source: torch.Generator) -> Tensor:
    scattered = torch.zeros(like.numel(), dtype=torch.bool)
    scattered[torch.randperm(like.numel(), generator=source)[:size]] = True
    return scattered.view(like.shape)
