"""Accuracy against a baseline: two results of other audits, paired by the digests of their images.

Both results must hold their rows, as a report in JSON does. What influences predictions must be equal in both: canvas,
device, number type and library versions.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum.errors import PolicyError
from modicum.gate.policy import Rule
from modicum.gate.tails import Number, Pairs, p_above, p_below, paired_ends
from modicum.gate.verdict import Check

Document = Mapping[str, Any]
LEVEL = 0.95
ONE_SIDED = 0.05
EQUAL = ("device", "dtype", "versions")
NO_ROWS = "{} has no rows, so it cannot be compared; write it with `modicum audits report AUDIT --output FILE.json`"


def baseline_check(rule: Rule, document: Document, version: str, search: int, baseline: Document) -> Check:
    """Return whether a version's accuracy is lower than the baseline's by more than the rule allows.

    Raises:
        PolicyError: a result has no rows, or the baseline has several versions.
    """
    check = Check(model_version=version, subject="less the baseline")
    apart = next(_differences(document, baseline), "")
    if apart:
        return _unjudged(check, f"the baseline was measured otherwise: {apart} differs")
    ours, theirs = _rows(document, version, search, "the result"), _baseline_rows(baseline)
    both = ours.keys() & theirs.keys()
    if any(ours[image][0] != theirs[image][0] for image in both):
        return _unjudged(check, "images have other labels in the baseline")
    return _judged(rule, version, [(_is_right(ours[one]), _is_right(theirs[one])) for one in both])


def _unjudged(check: Check, reason: str) -> Check:
    return Check(model_version=check.model_version, subject=check.subject, holds=False, reason=reason)


def _judged(rule: Rule, version: str, right: list[tuple[bool, bool]]) -> Check:
    assert rule.max_regression is not None, "the rule compares with a baseline"
    gained, lost = (
        sum(ours and not theirs for ours, theirs in right),
        sum(theirs and not ours for ours, theirs in right),
    )
    pairs, n = Pairs(gained, lost, len(right) - gained - lost), len(right)
    value = (gained - lost) / n if n else None
    number = Number(value, "difference", n, pairs=pairs)
    low, high = paired_ends(pairs, LEVEL) or (None, None)
    return Check(
        model_version=version,
        subject="less the baseline",
        value=value,
        unit="difference",
        n=n,
        low=low,
        high=high,
        level=None if low is None else LEVEL,
        p=p_below(number, -rule.max_regression),
        passes=p_above(number, -rule.max_regression) <= ONE_SIDED,
        holds=low is not None,
        reason="" if low is not None else f"only {n} labelled images are in both results",
    )


def _differences(document: Document, baseline: Document) -> Iterator[str]:
    if document["specification"]["canvas"] != baseline["specification"]["canvas"]:
        yield "canvas"
    for name in EQUAL:
        if document["parameters"].get(name) != baseline["parameters"].get(name):
            yield name


def _baseline_rows(baseline: Document) -> dict[str, tuple[int, int]]:
    versions = [model["model_version"] for model in baseline["models"]]
    if len(versions) != 1:
        raise PolicyError(f"the baseline: expected a result of one version, got {len(versions)}")
    return _rows(baseline, versions[0], 0, "the baseline")


def _rows(document: Document, version: str, search: int, called: str) -> dict[str, tuple[int, int]]:
    """Label and predicted class of every labelled image that was predicted, by its digest."""
    if "rows" not in document:
        raise PolicyError(NO_ROWS.format(called))
    return {
        row["image_digest"]: (row["label"], row["predicted_class"])
        for row in document["rows"]
        if (row["model_version"], row["search_index"]) == (version, search)
        and row["label"] is not None
        and row["predicted_class"] is not None
    }


def _is_right(row: tuple[int, int]) -> bool:
    return row[0] == row[1]
