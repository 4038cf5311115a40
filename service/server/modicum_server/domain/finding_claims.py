"""Whether a finding can be true of its task: it comes from a model's process, which is not trusted.

Numbers that a model computes may be NaN. Whether masks fit the canvas, `finding_masks` says.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from modicum_server.domain.controls import CONTROLS, SEARCH_RESULTS
from modicum_server.domain.findings import Finding, FindingControls, Passes, Trace
from modicum_server.domain.searches import Control, TargetRule
from modicum_server.domain.tasks import SearchWork

MOST_PASSES: Final = 2**45
"""Of a task. Its sum over all shards of an audit is a number that the database holds."""
MOST_POINTS: Final = 256
"""Of a trace."""
MOST_DONORS: Final = 10_000
ROUNDING: Final = 1e-3
"""A sum of probabilities may exceed 1 by so much."""


def impossible_claim(finding: Finding, work: SearchWork, class_count: int | None) -> str | None:
    """Return in words what the finding says that cannot be; None if there is no such thing."""
    return next((words for words, is_wrong in _CLAIMS if is_wrong(finding, work, class_count)), None)


def is_class(number: int | None, class_count: int | None) -> bool:
    """Return whether a model can have this class, if its count is known; None is no class and always good."""
    return number is None or (number >= 0 and (class_count is None or number < class_count))


def is_confidence(value: float) -> bool:
    """Return whether a confidence can be one, or is NaN."""
    return math.isnan(value) or 0 <= value <= 1 + ROUNDING


def are_passes(*counts: int) -> bool:
    """Return whether a task can have made so many passes."""
    return all(0 <= count <= MOST_PASSES for count in counts)


def _other_classes(finding: Finding, _: SearchWork, class_count: int | None) -> bool:
    controls, pixels = finding.controls, finding.controls.pixel_subset
    classes = [finding.predicted_class, finding.target_class, *(one.predicted_class for one in controls.variants)]
    if controls.class_targeted is not None:
        classes.append(controls.class_targeted.target_class)
    if pixels is not None:
        classes += [pixels.predicted_class, pixels.random_predicted_class]
    return not all(is_class(one, class_count) for one in classes)


def _results_without_control(finding: Finding, work: SearchWork, _: int | None) -> bool:
    asked = {plan.control for plan in work.controls}
    variants = {name for control in asked for name in CONTROLS[control].variants}
    found = finding.controls
    of_search = {name for name in SEARCH_RESULTS if getattr(found, name) is not None}
    return (
        not of_search <= {CONTROLS[control].result for control in asked}
        or not {one.variant for one in found.variants} <= variants
        or (bool(found.fills) and Control.FILL not in asked)
        or bool(found.transfers)
        or (found.critical_temperature is not None and not work.critical_temperatures)
    )


def _results_twice(finding: Finding, _: SearchWork, __: int | None) -> bool:
    found = finding.controls
    return any(len(set(names)) < len(names) for names in _names_of(found))


def _names_of(found: FindingControls) -> Iterator[Sequence[str]]:
    yield [one.variant for one in found.variants]
    yield [one.fill for one in found.fills]


def _impossible_confidences(finding: Finding, _: SearchWork, __: int | None) -> bool:
    found = finding.controls
    values = [finding.confidence, finding.verified_confidence]
    values += [one.confidence for one in found.variants]
    values += [one.confidence for one in found.fills]
    values += [value for trace in _traces_of(finding) for value in trace.confidences]
    if found.class_targeted is not None:
        values.append(found.class_targeted.verified_confidence)
    if found.fill_robust is not None:
        values.append(found.fill_robust.confidence)
    if found.pixel_subset is not None:
        values += [found.pixel_subset.confidence, found.pixel_subset.random_confidence]
    if finding.narrowing is not None:
        values += finding.narrowing.confidences
    return not all(map(is_confidence, values))


def _traces_of(finding: Finding) -> Iterator[Trace]:
    if finding.trace is not None:
        yield finding.trace
    if finding.controls.pixel_subset is not None:
        yield finding.controls.pixel_subset.trace


def _impossible_traces(finding: Finding, work: SearchWork, _: int | None) -> bool:
    return not all(
        len(trace.kept) == len(trace.confidences) <= MOST_POINTS
        and all(0 <= kept <= work.canvas.pixels for kept in trace.kept)
        for trace in _traces_of(finding)
    )


def _impossible_passes(finding: Finding, _: SearchWork, __: int | None) -> bool:
    spent: list[Passes] = [finding.passes, *(one.passes for one in finding.controls.searched)]
    return not are_passes(*(count for one in spent for count in (one.forward, one.backward)))


def _impossible_sizes(finding: Finding, work: SearchWork, _: int | None) -> bool:
    found = finding.controls
    sized = [one for one in (found.class_targeted, found.fill_robust) if one is not None]
    robust = found.fill_robust
    return not (
        all(0 <= one.size <= work.canvas.pixels and not one.size_ratio < 0 for one in sized)
        and (robust is None or 0 <= robust.sufficient_donors <= robust.verifying_donors <= MOST_DONORS)
    )


def _impossible_shares(finding: Finding, _: SearchWork, __: int | None) -> bool:
    """Whether a share, or a temperature, is not a number that can be one. NaN is none here."""
    objects, temperature = finding.controls.objects, finding.controls.critical_temperature
    shares = [] if objects is None else [objects.area, objects.share or 0.0]
    return not (
        all(0 <= share <= 1 + ROUNDING for share in shares)
        and (temperature is None or (temperature >= 0 and math.isfinite(temperature)))
    )


def _impossible_subset(finding: Finding, work: SearchWork, _: int | None) -> bool:
    """Whether a subset is not sufficient, is empty where the bare fill does not suffice, or is of a class not searched.

    A search for a random other class also has subsets of images that are not eligible.
    """
    if finding.subset is None:
        return False
    least = work.search.threshold - ROUNDING
    for_predicted = work.search.target_rule is TargetRule.PREDICTED
    return (
        finding.verified_confidence < least
        or (finding.subset.size == 0 and not finding.baseline_confident)
        or (for_predicted and not finding.eligible)
        or (for_predicted and finding.target_class != finding.predicted_class)
    )


_CLAIMS: Final[Sequence[tuple[str, Callable[[Finding, SearchWork, int | None], bool]]]] = (
    ("classes that the model does not have", _other_classes),
    ("results of controls that do not run", _results_without_control),
    ("two results of one variant", _results_twice),
    ("confidences outside 0 to 1", _impossible_confidences),
    ("a subset that cannot be one", _impossible_subset),
    ("a trace that is longer than one can be, or leaves the canvas", _impossible_traces),
    ("impossible counts of passes", _impossible_passes),
    ("sizes larger than the canvas, or impossible counts of donors", _impossible_sizes),
    ("shares or temperatures that are not such numbers", _impossible_shares),
)
