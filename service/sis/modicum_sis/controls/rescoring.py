"""Controls that score each subset, or a variant of it, once more.

See docs/method.md, "What a small subset does not prove". A result depends on its own image alone, so findings may come
in chunks, and one pool of donors serves every call. All scores are plain passes over one image alone. Images that are
not those of the findings are refused. Shares and intervals over images are computed elsewhere.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from modicum_sis.controls.controllable_findings import has_evidence, image_of, mask_of
from modicum_sis.errors import FillUnavailable
from modicum_sis.findings import Finding, Reason
from modicum_sis.images.fills import FILLS, Donors, Fills, check_names, ready_donors
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.seeding import generator
from modicum_sis.scoring.verification import confidence_of


@dataclass(frozen=True, slots=True)
class Rescore:
    """The score of a subset or of a variant of it.

    Attributes:
        index: the index of the image.
        variant: the fill's name, or the name of another variant.
        confidence: of the finding's target class; None with a reason.
        sufficient: whether it still reaches the finding's threshold.
        predicted_class: the predicted class; None with a reason.
        reason: why there is no score; None if there is one.
    """

    index: int
    variant: str
    confidence: float | None
    sufficient: bool
    predicted_class: int | None
    reason: Reason | None = None


def other_fills(
    classifier: Classifier,
    images: Images,
    findings: Iterable[Finding],
    *,
    fills: Sequence[str] | None = None,
    seed: int = 0,
    donors: Images | Donors | None = None,
) -> Iterator[Rescore]:
    """Does the subset survive another fill? One result for each finding with evidence, and each fill.

    `fills` are names. Default: all except the finding's own; the marginal fill only with donors.
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
                yield _under_fill(classifier, source, finding, makers[name], mask=mask_of(finding), variant=name)


def dilated(
    classifier: Classifier, images: Images, findings: Iterable[Finding], *, donors: Images | Donors | None = None
) -> Iterator[Rescore]:
    """Does adding the neighbouring pixels destroy it? The mask grows by one pixel in 8 directions."""
    source = ImageSource(classifier, images)
    for finding, fill in _with_fills(classifier, findings, donors):
        grown = functional.max_pool2d(mask_of(finding)[None, None].float(), 3, stride=1, padding=1)[0, 0] > 0
        yield _under_fill(classifier, source, finding, fill, mask=grown, variant="dilated")


def random_same_size(
    classifier: Classifier,
    images: Images,
    findings: Iterable[Finding],
    *,
    seed: int = 0,
    donors: Images | Donors | None = None,
) -> Iterator[Rescore]:
    """Are as many random pixels sufficient too?"""
    source = ImageSource(classifier, images)
    for finding, fill in _with_fills(classifier, findings, donors):
        mask = mask_of(finding)
        drawn = torch.randperm(mask.numel(), generator=generator(seed, finding.digest, "random same size"))
        scattered = torch.zeros(mask.numel(), dtype=torch.bool)
        scattered[drawn[: int(mask.sum())]] = True
        yield _under_fill(classifier, source, finding, fill, mask=scattered.view_as(mask), variant="random")


def mask_only(classifier: Classifier, images: Images, findings: Iterable[Finding]) -> Iterator[Rescore]:
    """Is the shape the evidence? The mask is painted white on the mean, then black on the mean."""
    source = ImageSource(classifier, images)
    low, high = classifier.bounds
    for finding in filter(has_evidence, findings):
        mean = classifier.fill_mean.expand(image_of(source, finding).shape)
        for variant, value in (("white_on_mean", high), ("black_on_mean", low)):
            painted = torch.where(mask_of(finding).to(mean.device), torch.full_like(mean, value), mean)
            yield _rescore(classifier, finding, painted, variant)


def _with_fills(
    classifier: Classifier, findings: Iterable[Finding], donors: Images | Donors | None
) -> Iterator[tuple[Finding, Fills]]:
    """Each finding with the fill of its search."""
    makers: dict[tuple[str, int], Fills] = {}
    for finding in filter(has_evidence, findings):
        key = (finding.parameters.fill, finding.parameters.seed)
        if key not in makers:
            pool = None
            if key[0] == "marginal" and donors is not None:
                pool = ready_donors(classifier, donors, seed=key[1])
            makers[key] = Fills(key[0], classifier, seed=key[1], donors=pool)
        yield finding, makers[key]


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
