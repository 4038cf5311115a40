"""The control `class_targeted`: the same search for a random other class.

See docs/method.md, "What a small subset does not prove".
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from torch import Tensor

from modicum_sis.controls.controllable_findings import has_evidence, image_of
from modicum_sis.findings import Finding
from modicum_sis.images.fills import Donors
from modicum_sis.images.source import Images, ImageSource
from modicum_sis.model.classifier import Classifier
from modicum_sis.numerics.seeding import draw_other, generator
from modicum_sis.progress import Progress
from modicum_sis.run.find_subsets import find_subsets
from modicum_sis.searches.protocol import Search

OTHER_CLASS = "other class"
"""The purpose under which the class is drawn."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassTargeted:
    """The result of the same search for a random other class.

    Attributes:
        index: the index of the image.
        finding: of the other class. Its subset is None if nothing was found (censored).
        size_ratio: the size of its subset / that of the predicted class; None if either is missing or empty.
    """

    index: int
    finding: Finding
    size_ratio: float | None

    @property
    def found(self) -> bool:
        """Whether a subset for the other class was verified."""
        return self.finding.subset is not None


def other_class(finding: Finding, class_count: int, *, seed: int) -> int:
    """A class that is not the finding's target; all are equally likely. It depends only on seed and image digest."""
    return draw_other_class(finding.target_class, class_count, seed=seed, digest=finding.digest)


def draw_other_class(chosen: int, class_count: int, *, seed: int, digest: str) -> int:
    """The same draw for an image without a finding: any class except the chosen one."""
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

    `findings` are for the predicted classes, and their indices refer to `images`. All other parameters are those of
    `find_subsets`. Give the values that made the findings.

    Raises:
        ParameterError, CanvasMismatch: the images are not those of the findings.
    """
    searched = [finding for finding in findings if has_evidence(finding)]
    if not searched:
        return
    chosen = _SearchedImages(ImageSource(classifier, images), searched)
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
    for predicted, found in zip(searched, others, strict=False):  # a stopped search returns fewer
        other = replace(found, index=predicted.index)
        yield ClassTargeted(index=predicted.index, finding=other, size_ratio=_size_ratio(other, predicted))


class _SearchedImages:
    """The images of some findings, in the same order. Each is checked when it is loaded."""

    def __init__(self, source: ImageSource, findings: Sequence[Finding]) -> None:
        self._source, self._findings = source, findings

    def __len__(self) -> int:
        return len(self._findings)

    def __getitem__(self, index: int, /) -> Tensor:
        return image_of(self._source, self._findings[index])


def _size_ratio(other: Finding, predicted: Finding) -> float | None:
    if other.subset is None or predicted.subset is None or not predicted.subset.size:
        return None
    return other.subset.size / predicted.subset.size
