"""Controls that stand next to every subset size (METHOD section 3): each takes findings and gives frozen results.

Scores here are plain passes over one image alone, like everything that is reported. Shares and intervals over images
are an audit's business, not this module's.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from modicum_sis.classifier import Classifier
from modicum_sis.errors import FillUnavailable
from modicum_sis.fills import Fills, fill_names, gather_donors
from modicum_sis.findings import Finding, Reason
from modicum_sis.images import Images, ImageSource, Selection
from modicum_sis.progress import Progress
from modicum_sis.search import Search
from modicum_sis.searching import find_subsets
from modicum_sis.seeding import draw_index, generator
from modicum_sis.verification import plain_confidence

RESCORING_FILLS = ("black", "white", "noise", "blur")
"""The other fills that need no donors."""


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
    drawn = draw_index(class_count - 1, generator(seed, finding.digest, "other class"))
    return drawn + (drawn >= finding.target_class)


def class_targeted(
    classifier: Classifier,
    images: Images,
    findings: Sequence[Finding],
    *,
    threshold: float,
    search: Search,
    fill: str = "mean",
    seed: int = 0,
    donors: Images | None = None,
    should_stop: Callable[[], bool] | None = None,
    progress: Callable[[Progress], None] | None = None,
    chunk_size: int | None = None,
) -> Iterator[ClassTargeted]:
    """Could the same search have argued for any class? Searches every image whose finding has a subset.

    Args:
        images: those that the findings' indices refer to.
        findings: of the predicted classes, with the same search, threshold, fill and seed. Those that are not eligible,
            baseline-confident or without a subset are passed over.
    """
    searched = [finding for finding in findings if _has_evidence(finding)]
    if not searched:
        return
    _, height_and_width = None, searched[0].subset
    assert height_and_width is not None
    source = ImageSource(classifier, images)
    classes = classifier.inspect(source.canvas()).class_count
    others = find_subsets(
        classifier,
        Selection(images, [finding.index for finding in searched]),
        threshold=threshold,
        search=search,
        fill=fill,
        seed=seed,
        targets=[other_class(finding, classes, seed=seed) for finding in searched],
        donors=donors,
        digests=[finding.digest for finding in searched],
        should_stop=should_stop,
        progress=progress,
        chunk_size=chunk_size,
    )
    for predicted, other in zip(searched, others, strict=False):
        yield ClassTargeted(index=predicted.index, finding=other, size_ratio=_size_ratio(other, predicted))
