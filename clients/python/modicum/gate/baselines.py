"""Rules against a baseline: two results of other audits, paired by the digests of their images.

What influences predictions must be equal in both: canvas, device, number type and library versions. For sizes of
subsets the search, its mean fill and whether it had a gradient must be equal, too. Softer logits alone enlarge subsets:
a version that is eligible on fewer of the images than the baseline cannot pass a ratio rule, and one that is eligible
on more cannot fail it, because the ratio does not tell what did it.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from modicum.gate.baseline_file import Compared, Document, ImageResult, SearchResult, without_images
from modicum.gate.means import Mean, mean_ends
from modicum.gate.paired import Sizes, is_softer, log_ratios
from modicum.gate.policy import Rule
from modicum.gate.tails import FEWEST_PAIRS, Number, Pairs, p_above, p_below, paired_ends
from modicum.gate.verdict import Check, Limits

LEVEL = 0.95
ONE_SIDED = 0.05
FOR_ACCURACY = ("canvas", "device", "dtype", "versions")
AGAINST = "against the baseline"
Images = Sequence[tuple[ImageResult, ImageResult]]


def baseline_check(rule: Rule, version: str, ours: Compared, search: Mapping[str, Any], baseline: Compared) -> Check:
    """Return what a rule says of a version beside the baseline, under the search that the rule is about."""
    check = Check(model_version=version, subject=AGAINST, against_baseline=True)
    if rule.max_regression is not None:
        return _accuracy_check(rule, check, ours, search, baseline)
    return _ratio_check(rule, check, ours, search, baseline)


def measured_otherwise(document: Document, baseline: Document) -> str:
    """Return the first field in which two results of one version were measured otherwise; empty if in none.

    Rows are not looked at. The searches are those for the predicted class that come first.
    """
    ours, theirs = (without_images(one, one["models"][0]["model_version"]) for one in (document, baseline))
    search = next((one.search for one in ours.searches if one.search["target_rule"] == "predicted"), None)
    if search is None or not theirs.searches:
        return "searches"
    return _apart(ours, _searched(ours, search), theirs, _nearest(theirs, search))


def _accuracy_check(rule: Rule, check: Check, ours: Compared, search: Mapping[str, Any], baseline: Compared) -> Check:
    apart = next(_differing(ours.conditions, baseline.conditions, FOR_ACCURACY), "")
    if apart:
        return _unjudged(check, f"the baseline was measured otherwise: {apart} differs")
    pairs = [
        both
        for both in _pairs(_searched(ours, search), baseline.searches[0])
        if all(one.label is not None and one.predicted is not None for one in both)
    ]
    if any(mine.label != theirs.label for mine, theirs in pairs):
        return _unjudged(check, "images have other labels in the baseline")
    assert rule.max_regression is not None, "the rule is about accuracy"
    return _accuracy(check, [(_is_right(mine), _is_right(theirs)) for mine, theirs in pairs], -rule.max_regression)


def _accuracy(check: Check, right: Sequence[tuple[bool, bool]], limit: float) -> Check:
    gained = sum(mine and not theirs for mine, theirs in right)
    lost = sum(theirs and not mine for mine, theirs in right)
    pairs, n = Pairs(gained, lost, len(right) - gained - lost), len(right)
    number = Number((gained - lost) / n if n else None, "difference", n, pairs=pairs)
    ends = paired_ends(pairs, LEVEL)
    if ends is None:
        return _unjudged(check, f"only {n} labelled images are in both results")
    return _judged(check, number, ends, limit)


def _ratio_check(rule: Rule, check: Check, ours: Compared, search: Mapping[str, Any], baseline: Compared) -> Check:
    mine, theirs = _searched(ours, search), _nearest(baseline, search)
    apart = _apart(ours, mine, baseline, theirs)
    if apart:
        return _unjudged(check, f"the baseline was measured otherwise: {apart} differs")
    pairs = _pairs(mine, theirs)
    logs = log_ratios(*(_sizes(side) for side in zip(*pairs, strict=True))) if pairs else np.array([])
    if len(logs) < FEWEST_PAIRS:
        return _unjudged(check, f"only {len(logs)} images were searched to the end in both results")
    assert rule.min_ratio_to_baseline is not None, "the rule is about a ratio"
    mean = Mean.of(logs, logarithms=True)
    number = Number(mean.value, "ratio", mean.n, mean=mean)
    return _unless_temperature(_judged(check, number, mean_ends(mean, LEVEL), rule.min_ratio_to_baseline), pairs)


def _unless_temperature(check: Check, pairs: Images) -> Check:
    """The check, without the outcome that a change of the logits' scale alone could have made."""
    scored = [both for both in pairs if all(one.predicted is not None for one in both)]
    mine, theirs = (sum(both[side].eligible for both in scored) for side in (0, 1))
    told = f"of {len(scored)} images {mine} are eligible, {theirs} with the baseline"
    if is_softer(mine, theirs):
        return replace(check, passes=False, unsettled=f"{told}: softer logits alone enlarge subsets")
    if is_softer(theirs, mine):
        return replace(check, p=1.0, unsettled=f"{told}: sharper logits alone shrink subsets")
    return check


def _judged(check: Check, number: Number, ends: tuple[float | None, float | None], limit: float) -> Check:
    return replace(
        check,
        value=number.value,
        unit=number.unit,
        n=number.n,
        low=ends[0],
        high=ends[1],
        level=LEVEL,
        limits=Limits(at_least=limit),
        p=p_below(number, limit),
        passes=p_above(number, limit) <= ONE_SIDED,
    )


def _unjudged(check: Check, reason: str) -> Check:
    return replace(check, holds=False, reason=reason)


def _apart(ours: Compared, mine: SearchResult, baseline: Compared, theirs: SearchResult) -> str:
    """The first field of what must be equal for sizes to compare that differs, or is not known; empty if none."""
    fields = [
        *_differing(ours.conditions, baseline.conditions, tuple(ours.conditions)),
        *_differing(mine.search, theirs.search, tuple(mine.search)),
    ]
    return fields[0] if fields else "gradient_free" if mine.gradient_free != theirs.gradient_free else ""


def _differing(ours: Mapping[str, Any], theirs: Mapping[str, Any], names: Sequence[str]) -> Iterator[str]:
    """Names of what differs, or is not known."""
    return (name for name in names if ours.get(name) is None or ours.get(name) != theirs.get(name))


def _searched(side: Compared, search: Mapping[str, Any]) -> SearchResult:
    return next(one for one in side.searches if one.search == search)


def _nearest(side: Compared, search: Mapping[str, Any]) -> SearchResult:
    """The search of the baseline that differs in the fewest fields."""
    return min(side.searches, key=lambda one: sum(1 for _ in _differing(search, one.search, tuple(search))))


def _pairs(mine: SearchResult, theirs: SearchResult) -> Images:
    """The results on each image that both searches saw, in one order."""
    both = sorted(mine.images.keys() & theirs.images.keys())
    return [(mine.images[image], theirs.images[image]) for image in both]


def _sizes(images: Sequence[ImageResult]) -> Sizes:
    sizes = [np.nan if one.size is None else one.size for one in images]
    return Sizes(np.array([one.image for one in images]), np.array(sizes, dtype=np.float64))


def _is_right(image: ImageResult) -> bool:
    return image.label == image.predicted
