"""Findings of an earlier run that this one goes on from: which fit, which are complete. Must not search anything."""

from collections.abc import Iterable
from dataclasses import is_dataclass, replace

import torch

from modicum_sis.errors import ParameterError
from modicum_sis.findings import Finding, Parameters, Reason
from modicum_sis.model.classifier import Canvas, Classifier
from modicum_sis.numerics.seeding import generator

PROBED_CLASSES = 8
SAME_SCORES = 1e-3
"""What a score may differ by between devices, dtypes and thread counts, times the largest where that is above 1."""
MUST_EQUAL = ("threshold", "fill", "seed", "donor_digests", "output_kind", "gradient_free")


class PreviousFindings:
    """Findings by the digest of their image; of several for one image and class the last counts.

    Raises:
        ParameterError: they were made by another classifier, another search, or under other conditions.
    """

    def __init__(self, findings: Iterable[Finding], parameters: Parameters) -> None:
        self._search = parameters.search
        self._found: dict[str, dict[int, Finding]] = {}
        for finding in findings:
            if not isinstance(finding, Finding):
                raise ParameterError(
                    f"expected findings to resume from; got {type(finding).__name__}. Read a file with load_findings"
                )
            _check(finding, parameters)
            self._found.setdefault(finding.digest, {})[finding.target_class] = finding

    def of(self, digest: str, target: int | None) -> Finding | None:
        """The finding of an image, None where there was none; a target of None is the predicted class.

        Raises:
            ParameterError: the image was searched for another class.
        """
        found = self._found.get(digest)
        if not found:
            return None
        wanted = target if target is not None else next(iter(found.values())).predicted_class
        if wanted not in found:
            raise ParameterError(
                f"expected a finding for class {wanted} of image {digest[:12]}, to go on from; got one for "
                f"{sorted(found)}. Give the targets of the earlier run, or leave that finding out of resume="
            )
        return found[wanted]

    def is_complete(self, finding: Finding) -> bool:
        """Whether more of this search cannot change it."""
        if finding.baseline_confident or finding.reason in {Reason.NOT_ELIGIBLE, Reason.NOT_FINITE}:
            return True
        return finding.reason is not Reason.STOPPED and finding.parameters.search == self._search


def probe_scores(classifier: Classifier, canvas: Canvas) -> tuple[float, ...]:
    """What a classifier is known by: scores of a few classes, spread evenly, of an image that is half noise, half mean.

    The noise is the same for all; the mean is the fill, which is the classifier's as well.
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
            raise ParameterError(f"expected {name} {old!r}, as in the run to resume; got {new!r}. Search anew instead")
    _check_declared(before, parameters)
    if not _is_same_search(before.search, parameters.search):
        raise ParameterError(
            f"expected {before.search!r}, as in the run to resume, or the same with more passes; "
            f"got {parameters.search!r}. Search anew instead"
        )
    if not _are_same_scores(before.probe_scores, parameters.probe_scores):
        raise ParameterError(
            "expected the classifier of the run to resume; this one scores a probe image differently. "
            "Give the same weights, bounds, normalisation and fill_mean, or search anew"
        )


def _check_declared(before: Parameters, now: Parameters) -> None:
    """What files of before it was recorded do not say is not held against them."""
    if before.digests_given is not None and before.digests_given != now.digests_given:
        given, way_out = ("digests=", "Give the same") if before.digests_given else ("no digests=", "Leave them out")
        raise ParameterError(
            f"expected {given}, as in the run to resume, for no image is known by its name otherwise; "
            f"got {'some' if now.digests_given else 'none'}. {way_out}"
        )
    if before.input is not None and now.input is not None and not before.input.agree_with(now.input):
        raise ParameterError(
            f"expected a classifier with {before.input}, as in the run to resume; got one with {now.input}. "
            "Give the same bounds, mean, std, input_size and fill_mean, or search anew"
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
