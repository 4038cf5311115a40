"""A result as it would be at another alpha: overinterpretation rates are counted again from the rows. Searches nothing.

The definitions are those of `modicum_server.measures.overinterpretation`; a test compares both on every measure.
Verdicts on ensembles use alpha, too, and are left out: they are not counted again.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from modicum.gate.copies import counted_rows
from modicum.gate.paired import is_small, measured_size

Document = Mapping[str, Any]
RATE = "overinterpretation_rate"
WITH_CONFIDENT = "overinterpretation_rate_with_baseline_confident"
OF_OTHER_CLASS = "overinterpretation_rate_class_targeted"
Row = Mapping[str, Any]


def at_alpha(document: Document, alpha: float) -> dict[str, Any]:
    """Return the document with its rates at `alpha`; it must have rows. What else alpha decides is left out."""
    canvas = document["specification"]["canvas"]
    pixels = canvas["height"] * canvas["width"]
    asked = [{name: one[name] for name in one if name != "digest"} for one in document["specification"]["searches"]]
    statistics = {**document["specification"]["statistics"], "alpha": alpha}
    rows = counted_rows(document)
    models = [
        {
            **model,
            "searches": [
                _counted_again(search, _rows(rows, model, asked.index(search["search"])), pixels, alpha)
                for search in model["searches"]
            ],
        }
        for model in document["models"]
    ]
    specification = {**document["specification"], "statistics": statistics}
    return {**document, "specification": specification, "models": models, "mitigation": []}


def _rows(rows: Sequence[Row], model: Document, search: int) -> list[Row]:
    version = model["model_version"]
    return [row for row in rows if (row["model_version"], row["search_index"]) == (version, search)]


def _counted_again(search: Document, rows: Sequence[Row], pixels: int, alpha: float) -> dict[str, Any]:
    if search["search"]["target_rule"] != "predicted":
        return dict(search)
    sizes = [(row, _size(row, pixels)) for row in rows]
    measured = [(row, size) for row, size in sizes if not math.isnan(size)]
    counted: Mapping[str, Callable[[], Sequence[tuple[Row, float]]]] = {
        RATE: lambda: measured,
        WITH_CONFIDENT: lambda: [
            *measured,
            *((row, 0.0) for row in rows if row["baseline_confident"] and _is_searchable(row)),
        ],
        OF_OTHER_CLASS: lambda: [(row, size) for row, _ in measured if (size := _other_size(row)) is not None],
    }

    def small(size: float) -> bool:
        return bool(is_small(size, pixels, alpha))

    measures = {
        name: _share(search["measures"][name], images(), small, alpha)
        for name, images in counted.items()
        if name in search["measures"]
    }
    return {**search, "measures": {**search["measures"], **measures}}


def _share(
    measure: Document, images: Sequence[tuple[Row, float]], small: Callable[[float], bool], alpha: float
) -> dict[str, Any]:
    """The measure with its counts at the new alpha, by predicted class where it was."""
    groups = {
        index: _share(group, [one for one in images if str(one[0]["predicted_class"]) == index], small, alpha)
        for index, group in measure.get("groups", {}).items()
    }
    successes, n = sum(small(size) for _, size in images), len(images)
    parameters = {**measure["parameters"], "alpha": alpha, "successes": successes}
    counted = {**measure, "value": successes / n if n else None, "n": n, "parameters": parameters, "interval": None}
    return {**counted, "groups": groups} if groups else counted


def _is_searchable(row: Row) -> bool:
    return bool(row["eligible"]) and row["reason"] is None


def _size(row: Row, pixels: int) -> float:
    return measured_size(
        reason=row["reason"],
        subset=None if row["subset"] is None else row["subset"]["size"],
        budget_exhausted=row["budget_exhausted"],
        baseline_confident=row["baseline_confident"],
        pixels=pixels,
    )


def _other_size(row: Row) -> float | None:
    """Pixels of the subset for a random other class; None where it was not searched, infinite where none was found."""
    found = row["controls"].get("class_targeted")
    if found is None or (found["found"] and found["size"] == 0):
        return None
    return float(found["size"]) if found["found"] else math.inf
