"""Controls that stand next to every subset size (METHOD section 3): each takes findings and gives frozen results.

Findings may come a chunk at a time: an answer depends on its own image alone, and donors that were gathered once serve
every call. Scores here are plain passes over one image alone, like everything that is reported. Images that are not
those of the findings are refused. Shares and intervals over images are an audit's business, not this module's.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn import functional

from modicum_sis.errors import CanvasMismatch, FillUnavailable, ParameterError
from modicum_sis.findings import Finding, Reason
from modicum_sis.images.fills import FILLS, Donors, Fills, check_names, ready_donors
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.seeding import draw_other, generator
from modicum_sis.progress import Progress
from modicum_sis.run.find_subsets import find_subsets
from modicum_sis.scoring.verification import confidence_of
from modicum_sis.searches.protocol import Search

OTHER_CLASS = "other class"
"""Purpose of the seed that draws it."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassTargeted:
    """The same search arguing for a random other class.

    Attributes:
        index: of the image.
        finding: of the other class; its subset is None where nothing was found (censored).
        size_ratio: other subset's size / predicted class's; None where either is missing or empty.
    """

    index: int
    finding: Finding
    size_ratio: float | None

    @property
    def found(self) -> bool:
        """Whether a subset for the other class was verified."""
        return self.finding.subset is not None


@dataclass(frozen=True, slots=True)
class Rescore:
    """A subset, or a change of it, scored once more.

    Attributes:
        index: of the image.
        variant: what was changed: a fill's name, or the control's own.
        confidence: of the finding's target class; None with a reason.
        sufficient: whether it still reaches the finding's threshold.
        predicted_class: None with a reason.
    """

    index: int
    variant: str
    confidence: float | None
    sufficient: bool
    predicted_class: int | None
    reason: Reason | None = None


def other_class(finding: Finding, class_count: int, *, seed: int) -> int:
    """A class that is not the finding's target, all equally likely; a function of seed and image digest alone."""
    return draw_other_class(finding.target_class, class_count, seed=seed, digest=finding.digest)


def draw_other_class(chosen: int, class_count: int, *, seed: int, digest: str) -> int:
    """The same for an image that has no finding yet: any class but the chosen one."""
    return draw_other(chosen, class_count, generator(seed, digest, OTHER_CLASS))


def class_targeted(
    classifier: Classifier,
    images: Images,
    findings: Sequence[Finding],
    *,
    threshold: float,
    search: Search,
    fill: str = "mean",
    seed: int = 0,
    donors: Images | Donors | None = None,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
    chunk_size: int | None = None,
) -> Iterator[ClassTargeted]:
    """Could the same search have argued for any class? Searches every image whose finding has evidence.

    `findings` are of the predicted classes; `images` are those that their indices refer to. All other parameters are
    those of `find_subsets`, and should be what made the findings.

    Raises:
        ParameterError, CanvasMismatch: the images are not those of the findings.
    """
    searched = [finding for finding in findings if has_evidence(finding)]
    if not searched:
        return
    chosen = _Own(ImageSource(classifier, images), searched)
    classes = classifier.inspect(ImageSource(classifier, chosen).canvas()).class_count
    named = any(finding.parameters.digests_given is not False for finding in searched)
    others = find_subsets(
        classifier,
        chosen,
        threshold=threshold,
        search=search,
        fill=fill,
        seed=seed,
        targets=[other_class(finding, classes, seed=seed) for finding in searched],
        donors=donors,
        digests=[finding.digest for finding in searched] if named else None,
        should_stop=should_stop,
        progress=progress,
        chunk_size=chunk_size,
    )
    for predicted, found in zip(searched, others, strict=False):  # a stopped search gives fewer
        other = replace(found, index=predicted.index)
        yield ClassTargeted(index=predicted.index, finding=other, size_ratio=_size_ratio(other, predicted))


def other_fills(
    classifier: Classifier,
    images: Images,
    findings: Iterable[Finding],
    *,
    fills: Sequence[str] | None = None,
    seed: int = 0,
    donors: Images | Donors | None = None,
) -> Iterator[Rescore]:
    """Does the subset survive another fill? One result a finding and fill; findings without evidence are passed over.

    `fills` are names; by default all but the finding's own, the marginal one only with donors.
    """
    names = (
        check_names(fills) if fills is not None else tuple(n for n in FILLS if n != "marginal" or donors is not None)
    )
    pool = ready_donors(classifier, donors, seed=seed) if donors is not None and "marginal" in names else None
    makers = {name: Fills(name, classifier, seed=seed, donors=pool) for name in names}
    source = ImageSource(classifier, images)
    for finding in filter(has_evidence, findings):
        for name in names:
            if fills is not None or name != finding.parameters.fill:
                yield _under_fill(classifier, source, finding, makers[name], mask=_mask_of(finding), variant=name)


def dilated(
    classifier: Classifier, images: Images, findings: Iterable[Finding], *, donors: Images | Donors | None = None
) -> Iterator[Rescore]:
    """Does adding the neighbouring pixels destroy it? The mask grows by one pixel in 8 directions."""
    source = ImageSource(classifier, images)
    for finding, fill in _with_fills(classifier, findings, donors):
        grown = functional.max_pool2d(_mask_of(finding)[None, None].float(), 3, stride=1, padding=1)[0, 0] > 0
        yield _under_fill(classifier, source, finding, fill, mask=grown, variant="dilated")


def random_same_size(
    classifier: Classifier,
    images: Images,
    findings: Iterable[Finding],
    *,
    seed: int = 0,
    donors: Images | Donors | None = None,
) -> Iterator[Rescore]:
    """What would as many random pixels do?"""
    source = ImageSource(classifier, images)
    for finding, fill in _with_fills(classifier, findings, donors):
        mask = _mask_of(finding)
        drawn = torch.randperm(mask.numel(), generator=generator(seed, finding.digest, "random same size"))
        scattered = torch.zeros(mask.numel(), dtype=torch.bool)
        scattered[drawn[: int(mask.sum())]] = True
        yield _under_fill(classifier, source, finding, fill, mask=scattered.view_as(mask), variant="random")


def mask_only(classifier: Classifier, images: Images, findings: Iterable[Finding]) -> Iterator[Rescore]:
    """Is the shape the evidence? The mask painted white on the mean, then black on the mean."""
    source = ImageSource(classifier, images)
    low, high = classifier.bounds
    for finding in filter(has_evidence, findings):
        mean = classifier.fill_mean.expand(image_of(source, finding).shape)
        for variant, value in (("white_on_mean", high), ("black_on_mean", low)):
            painted = torch.where(_mask_of(finding).to(mean.device), torch.full_like(mean, value), mean)
            yield _rescore(classifier, finding, painted, variant)


def has_evidence(finding: Finding) -> bool:
    """Whether there is a subset to control: found, and not the bare fill's doing."""
    return finding.subset is not None and not finding.baseline_confident


def _with_fills(
    classifier: Classifier, findings: Iterable[Finding], donors: Images | Donors | None
) -> Iterator[tuple[Finding, Fills]]:
    """Each finding with the fill that its search had."""
    makers: dict[tuple[str, int], Fills] = {}
    for finding in filter(has_evidence, findings):
        key = (finding.parameters.fill, finding.parameters.seed)
        if key not in makers:
            pool = None
            if key[0] == "marginal" and donors is not None:
                pool = ready_donors(classifier, donors, seed=key[1])
            makers[key] = Fills(key[0], classifier, seed=key[1], donors=pool)
        yield finding, makers[key]


class _Own:
    """The images of some findings, in their order, each checked when it is loaded."""

    def __init__(self, source: ImageSource, findings: Sequence[Finding]) -> None:
        self._source, self._findings = source, findings

    def __len__(self) -> int:
        return len(self._findings)

    def __getitem__(self, index: int, /) -> Tensor:
        return image_of(self._source, self._findings[index])


def image_of(source: ImageSource, finding: Finding) -> Tensor:
    """The image (C, H, W) of a finding.

    Raises:
        ParameterError: what stands at its place is another, seen where the library named the image itself.
        CanvasMismatch: it is of another shape.
    """
    way_out = "Give the images that the findings were made of, in the same order"
    if not 0 <= finding.index < len(source):
        raise ParameterError(f"expected image {finding.index} of a finding; got {len(source)} images. {way_out}")
    image, digest = source.load(finding.index)
    if finding.parameters.digests_given is False and digest != finding.digest:
        raise ParameterError(
            f"expected image {finding.index} to be {finding.digest[:12]}, as its finding says; got {digest[:12]}. "
            f"{way_out}"
        )
    if (shape := tuple(_mask_of(finding).shape)) != tuple(image.shape[-2:]):
        raise CanvasMismatch(f"expected images of the findings' canvas {shape}; got {tuple(image.shape)}. {way_out}")
    return image


def _under_fill(
    classifier: Classifier, source: ImageSource, finding: Finding, fill: Fills, *, mask: Tensor, variant: str
) -> Rescore:
    image = image_of(source, finding)
    try:
        painted = fill.of(image, finding.digest, finding.target_class)
    except FillUnavailable:
        return _unscored(finding, variant, Reason.FILL_UNAVAILABLE)
    return _rescore(classifier, finding, torch.where(mask.to(image.device), image, painted), variant)


def _rescore(classifier: Classifier, finding: Finding, painted: Tensor, variant: str) -> Rescore:
    logits = classifier.plain_logits(painted)
    if not bool(torch.isfinite(logits).all()):
        return _unscored(finding, variant, Reason.NOT_FINITE)
    confidence = confidence_of(logits, finding.target_class)
    return Rescore(
        index=finding.index,
        variant=variant,
        confidence=confidence,
        sufficient=confidence >= finding.parameters.threshold,
        predicted_class=int(logits.argmax()),
    )


def _unscored(finding: Finding, variant: str, reason: Reason) -> Rescore:
    return Rescore(finding.index, variant, None, sufficient=False, predicted_class=None, reason=reason)


def _mask_of(finding: Finding) -> Tensor:
    assert finding.subset is not None
    return finding.subset.mask


def _size_ratio(other: Finding, predicted: Finding) -> float | None:
    if other.subset is None or predicted.subset is None or not predicted.subset.size:
        return None
    return other.subset.size / predicted.subset.size
