"""The findings of an earlier run that a run resumes: whether they fit, and which are complete."""

from collections.abc import Iterable
from dataclasses import is_dataclass, replace

import torch

from modicum_sis.errors import ParameterError
from modicum_sis.findings import Finding, Parameters, Reason
from modicum_sis.model.classifier import Canvas, Classifier
from modicum_sis.numerics.seeding import generator

PROBED_CLASSES = 8
SAME_SCORES = 1e-3
"""Largest allowed difference of a score between devices, dtypes and thread counts, times the largest score if above
1."""
MUST_EQUAL = ("threshold", "fill", "seed", "donor_digests", "output_kind", "gradient_free")


class PreviousFindings:
    """Findings by the digest of their image. If there are several for one image and class, the last counts.

    Raises:
        ParameterError: another classifier or search, or other conditions, made them.
    """

    def __init__(self, findings: Iterable[Finding], parameters: Parameters) -> None:
        self._search = parameters.search
        self._found: dict[str, dict[int, Finding]] = {}
        for finding in findings:
            if not isinstance(finding, Finding):
                raise ParameterError(
                    f"resume= needs findings; got {type(finding).__name__}. Read a file with load_findings"
                )
            _check(finding, parameters)
            self._found.setdefault(finding.digest, {})[finding.target_class] = finding

    def of(self, digest: str, target: int | None) -> Finding | None:
        """The finding of an image, or None if there is none. A target of None means the predicted class.

        Raises:
            ParameterError: the image was searched for another class.
        """
        found = self._found.get(digest)
        if not found:
            return None
        wanted = target if target is not None else next(iter(found.values())).predicted_class
        if wanted not in found:
            raise ParameterError(
                f"expected a finding for class {wanted} of image {digest[:12]} to resume from; got findings for "
                f"classes {sorted(found)}. Give the targets of the earlier run, or leave out this image's findings"
            )
        return found[wanted]

    def is_complete(self, finding: Finding) -> bool:
        """Whether continuing this search cannot change the finding."""
        if finding.baseline_confident or finding.reason in {Reason.NOT_ELIGIBLE, Reason.NOT_FINITE}:
            return True
        return finding.reason is not Reason.STOPPED and finding.parameters.search == self._search


def probe_scores(classifier: Classifier, canvas: Canvas) -> tuple[float, ...]:
    """Scores that identify a classifier: of a few classes, spread evenly, on an image that is half noise and half mean.

    The noise is always the same. The mean is the classifier's mean fill.
    """
    low, high = classifier.bounds
    noise, kept = torch.rand((2, *canvas), generator=generator(0, "", "probe"))
    image = (low + (high - low) * noise).to(device=classifier.device, dtype=classifier.dtype)
    scores = classifier.plain_logits(torch.where((kept[0] < 1 / 2).to(image.device), image, classifier.fill_mean))
    last = len(scores) - 1
    return tuple(float(scores[last * place // (PROBED_CLASSES - 1)]) for place in range(PROBED_CLASSES))


def _check(finding: Finding, parameters: Parameters) -> None:
    before = finding.parameters
    for name in MUST_EQUAL:
        old, new = getattr(before, name), getattr(parameters, name)
        if old != new:
            raise ParameterError(
                f"the run to resume had {name} {old!r}; this run has {new!r}. Use the same value, or search again"
            )
    _check_declared(before, parameters)
    if not _is_same_search(before.search, parameters.search):
        raise ParameterError(
            f"the run to resume used {before.search!r}; this run uses {parameters.search!r}. "
            "Use the same search, with the same or more passes, or search again"
        )
    if not _are_same_scores(before.probe_scores, parameters.probe_scores):
        raise ParameterError(
            "the classifier differs from that of the run to resume: it scores a probe image differently. "
            "Use the same weights, bounds, normalisation and fill_mean, or search again"
        )


def _check_declared(before: Parameters, now: Parameters) -> None:
    """Compare what the caller declared. Values that an older findings file does not record are not compared."""
    if before.digests_given is not None and before.digests_given != now.digests_given:
        had, now_has, way_out = (
            ("digests", "none", "Give the same digests")
            if before.digests_given
            else ("no digests", "some", "Leave out digests=")
        )
        raise ParameterError(
            f"the run to resume had {had}; this run has {now_has}. Images are recognised by their digests. {way_out}"
        )
    if before.input is not None and now.input is not None and not before.input.equivalent_to(now.input):
        raise ParameterError(
            f"the run to resume had a classifier with {before.input}; this classifier has {now.input}. "
            "Use the same bounds, mean, std, input_size and fill_mean, or search again"
        )


def _is_same_search(before: object, now: object) -> bool:
    if before == now:
        return True
    passes, more = getattr(before, "passes", None), getattr(now, "passes", None)
    if type(before) is not type(now) or not isinstance(passes, int) or not isinstance(more, int) or more < passes:
        return False
    return is_dataclass(before) and not isinstance(before, type) and replace(before, passes=more) == now


def _are_same_scores(before: tuple[float, ...], now: tuple[float, ...]) -> bool:
    if len(before) != len(now):
        return False
    allowed = SAME_SCORES * max(1.0, *(abs(score) for score in before))
    return all(abs(old - new) <= allowed for old, new in zip(before, now, strict=True))
