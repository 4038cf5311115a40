"""Whether a result document says what it was made of: its counts are taken again from its rows. Judges nothing.

The definitions are those of `modicum_server.measures`; a test compares both. What is taken again are the counts of each
search, and the shares of whole images and of small subsets, by class too. Medians, readings and spot tests are not: a
document whose digest is known is compared by that (`stored_digest`).
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum.gate.baseline_file import NOT_FINITE
from modicum.gate.copies import counted_rows
from modicum.gate.other_alpha import at_alpha
from modicum.gate.paired import MEASURED_REASONS, measured_size

Document = Mapping[str, Any]
Differences = Iterator[tuple[str, Any, Any]]
"""The path of a field, what the document says, and what was counted."""
BESIDE_THE_RESULT = frozenset({"review", "rows", "spot_pictures"})
"""Parts that a report adds to the stored result."""
CLOSE = 1e-9
"""How far a share may be from the division of its counts."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """What one row says of an image."""

    scored: bool
    failed: bool
    eligible: bool
    baseline_confident: bool
    measured: bool
    budget_exhausted: bool
    saturated: bool
    label: int | None
    predicted: int | None

    @property
    def correct(self) -> bool:
        return self.predicted == self.label


def first_difference(document: Document) -> str:
    """Return the first field in which a result differs from its counts, with both numbers; empty if in none.

    Without rows, only whether its shares are those of their own counts is known.
    """
    found = _of_its_rows(document) if "rows" in document else _of_its_shares(document)
    return next((f"{path} is {said}, but {counted} was counted" for path, said, counted in found), "")


def stored_digest(report: Document) -> str:
    """Return the SHA-256 of the stored result that a report was made of."""
    result = {name: value for name, value in report.items() if name not in BESIDE_THE_RESULT}
    text = json.dumps(result, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _of_its_rows(document: Document) -> Differences:
    rows = document["rows"]
    if "rows" in document["findings"] and document["findings"]["rows"] != len(rows):
        yield "findings.rows", document["findings"]["rows"], len(rows)
    pictures = counted_rows(document)
    alpha = document["specification"]["statistics"].get("alpha")
    again = document if alpha is None else at_alpha(document, alpha)
    for path, model, search, recounted in _searches(document, again):
        seen = [_seen(row, document) for row in _rows_of(pictures, document, model, search)]
        yield from _differing(f"{path}.counts", search["counts"], _counts(seen))
        measures: Document = search["measures"]
        shares = {name: counted for name, counted in _shares(seen, search) if name in measures}
        for name, (successes, n) in shares.items():
            yield from _share_differing(f"{path}.measures.{name}", measures[name], successes, n)
        yield from _classes_differing(f"{path}.measures.accuracy", measures.get("accuracy", {}), seen)
        for name, measure in measures.items():
            if name not in shares:
                yield from _measure_differing(f"{path}.measures.{name}", measure, recounted["measures"][name])
    yield from _of_its_shares(document)


def _searches(document: Document, again: Document) -> Iterator[tuple[str, Document, Document, Document]]:
    for at, (model, other) in enumerate(zip(document["models"], again["models"], strict=True)):
        for index, (search, recounted) in enumerate(zip(model["searches"], other["searches"], strict=True)):
            yield f"models[{at}].searches[{index}]", model, search, recounted


def _rows_of(rows: Sequence[Document], document: Document, model: Document, search: Document) -> Iterator[Document]:
    asked = [{name: one[name] for name in one if name != "digest"} for one in document["specification"]["searches"]]
    index = asked.index(search["search"])
    return (row for row in rows if (row["model_version"], row["search_index"]) == (model["model_version"], index))


def _seen(row: Document, document: Document) -> _Seen:
    canvas, reason = document["specification"]["canvas"], row["reason"]
    size = measured_size(
        reason=reason,
        subset=None if row["subset"] is None else row["subset"]["size"],
        budget_exhausted=row["budget_exhausted"],
        baseline_confident=row["baseline_confident"],
        pixels=canvas["height"] * canvas["width"],
    )
    failed, predicted = reason is not None and reason not in MEASURED_REASONS, _known(row["predicted_class"])
    scored, measured = predicted is not None and reason != NOT_FINITE, not math.isnan(size)
    return _Seen(
        scored=scored,
        failed=failed,
        eligible=row["eligible"] and scored,
        baseline_confident=row["baseline_confident"] and not failed,
        measured=measured,
        budget_exhausted=measured and row["budget_exhausted"],
        saturated=row.get("saturated", False),
        label=_known(row["label"]),
        predicted=predicted,
    )


def _known(index: int | None) -> int | None:
    return None if index is None or index < 0 else index


def _counts(seen: Sequence[_Seen]) -> dict[str, int]:
    return {
        "images": len(seen),
        "eligible": sum(one.eligible for one in seen),
        "not_eligible": sum(not one.eligible and not one.failed for one in seen),
        "baseline_confident": sum(one.baseline_confident for one in seen),
        "with_subset": sum(one.measured and not one.budget_exhausted for one in seen),
        "failed": sum(one.failed for one in seen),
        "budget_exhausted": sum(one.budget_exhausted for one in seen),
        "saturated": sum(one.saturated for one in seen),
    }


def _shares(seen: Sequence[_Seen], search: Document) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield the counts of the shares of whole images, by name."""
    labelled = [one for one in seen if one.scored and one.label is not None]
    for_predicted = search["search"]["target_rule"] == "predicted"
    searchable = [one for one in seen if (one.eligible if for_predicted else one.scored) and not one.failed]
    yield "accuracy", _of(one.correct for one in labelled)
    yield "eligible_share", _of(one.eligible for one in seen if one.scored)
    yield "baseline_confident_share", _of(one.baseline_confident for one in searchable)


def _classes_differing(path: str, accuracy: Document, seen: Sequence[_Seen]) -> Differences:
    """The accuracy of each predicted class."""
    for index, group in accuracy.get("groups", {}).items():
        images = [one for one in seen if one.scored and one.label is not None and str(one.predicted) == index]
        yield from _share_differing(f"{path}.groups.{index}", group, *_of(one.correct for one in images))


def _of(each: Iterable[bool]) -> tuple[int, int]:
    values = list(each)
    return sum(values), len(values)


def _differing(path: str, said: Document, counted: Mapping[str, int]) -> Differences:
    for name, number in counted.items():
        if name in said and said[name] != number:
            yield f"{path}.{name}", said[name], number


def _share_differing(path: str, said: Document, successes: int, n: int) -> Differences:
    if said["n"] != n:
        yield f"{path}.n", said["n"], n
    elif n and said["parameters"].get("successes") != successes:
        yield f"{path}.parameters.successes", said["parameters"].get("successes"), successes


def _measure_differing(path: str, said: Document, again: Document) -> Differences:
    """A measure that `at_alpha` counted again, and its classes; all others are the same object."""
    if said is again:
        return
    yield from _share_differing(path, said, again["parameters"]["successes"], again["n"])
    for index, group in said.get("groups", {}).items():
        yield from _measure_differing(f"{path}.groups.{index}", group, again["groups"][index])


def _of_its_shares(document: Document) -> Differences:
    """Shares that are not what their own counts give."""
    for at, model in enumerate(document["models"]):
        for index, search in enumerate(model["searches"]):
            for name, measure in search["measures"].items():
                path = f"models[{at}].searches[{index}].measures.{name}"
                yield from _share_of_its_counts(path, measure)
                for group, one in measure.get("groups", {}).items():
                    yield from _share_of_its_counts(f"{path}.groups.{group}", one)


def _share_of_its_counts(path: str, measure: Document) -> Differences:
    successes, n = (measure.get("parameters") or {}).get("successes"), measure.get("n")
    if measure.get("unit") == "share" and successes is not None and n and measure.get("value") is not None:
        share = successes / n
        if abs(measure["value"] - share) > CLOSE:
            yield f"{path}.value", measure["value"], share
