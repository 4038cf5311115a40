"""A result in a notebook: of each version what was found, the outcomes, the headline measures and three masks."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from modicum.gate.numbers import number
from modicum.gate.outcomes import DECIDING, shown_outcomes, spot_rows
from modicum.measures import Measure, interval_text, value_text
from modicum.notebooks.findings import pixels_text
from modicum.notebooks.markup import card, outcome, paragraph, sentence, table, text
from modicum.notebooks.pictures import picture

if TYPE_CHECKING:
    from modicum.findings import Finding
    from modicum.results import ModelResult, Result

#: Versions in a card.
MOST_MODELS = 8
#: Sentences of a summary after the first.
MOST_SENTENCES = 4
#: Rows of the table of measures.
MOST_MEASURES = 12
#: Characters of a cell of a table.
MOST_CELL = 80
COUNTS = ("images", "eligible", "with_subset", "failed")


def result_card(result: "Result") -> str:
    """The card of a result."""
    return card(_parts(result), "result.models and result.findings have all.")


def _parts(result: "Result") -> Iterator[str]:
    for model in result.models[:MOST_MODELS]:
        yield _told(result, model)
        if model.searches:
            yield _measures(model)
            yield _masks(result, model)
    if len(result.models) > MOST_MODELS:
        yield paragraph(f"{len(result.models) - MOST_MODELS} more versions are in result.models.")


def _told(result: "Result", model: "ModelResult") -> str:
    """The summary, the first sentence first, then the outcomes of the tests that decide."""
    name = text(result.called(model.model_version), MOST_CELL)
    first, *others = model.summary or (f"Overinterpretation rate: {_rate(model)}",)
    found = "" if not model.searches else _outcomes(result, model)
    return (
        sentence(f"{name}: {text(first)}")
        + found
        + (paragraph(" ".join(map(text, others[:MOST_SENTENCES]))) if others else "")
    )


def _rate(model: "ModelResult") -> str:
    return str(model.overinterpretation_rate) if model.searches else "unavailable"


def _outcomes(result: "Result", model: "ModelResult") -> str:
    found = {one.control: one.outcome for one in model.first.readings}
    told = shown_outcomes(found, spot_rows(result.document, model.model_version))
    tags = [f"{DECIDING[control]} {outcome(one)}" for control, one in told.items()]
    return paragraph("; ".join(tags)) if tags else ""


def _measures(model: "ModelResult") -> str:
    """The headline measures of the first search, with what must be read beside them."""
    measures = list(model.first.measures.values())
    headline = [one for one in measures if one.headline] or [one for one in measures if one.value is not None]
    companions = {beside.name for one in headline for beside in one.beside.values()}
    rows = [row for one in headline[:MOST_MEASURES] if one.name not in companions for row in _rows(one)]
    seen = model.first.counts
    counts = [f"{seen[name]:,} {name.replace('_', ' ')}" for name in COUNTS if name in seen]
    further = len(model.searches) - 1
    others = f" {further} more searches are in its searches." if further > 0 else ""
    told = f"Confidence {number(model.first.threshold)} suffices. {', '.join(counts)}.{others}"
    return table(("measure", "value", "interval", "n"), rows) + paragraph(text(told))


def _rows(measure: Measure) -> Iterator[Sequence[str]]:
    yield _row(measure.title or measure.name, measure)
    for label, beside in measure.beside.items():
        yield _row(f"{measure.title or measure.name}, {label}", beside)


def _row(title: str, measure: Measure) -> Sequence[str]:
    cells = (title, value_text(measure), interval_text(measure), f"{measure.n:,}")
    return [text(cell, MOST_CELL) for cell in cells]


def _masks(result: "Result", model: "ModelResult") -> str:
    """The smallest subset of the first search, the median one and the largest; empty where there is none."""
    index = next(at for at, search in enumerate(model.searches) if search is model.first)
    own = [
        finding
        for finding in result.findings
        if finding.model_version == model.model_version and finding.search_index == index and finding.subset
    ]
    own.sort(key=_size)
    chosen = {"smallest": 0, "median": len(own) // 2, "largest": len(own) - 1} if own else {}
    places = dict(zip(reversed(chosen.values()), reversed(chosen), strict=True))  # one finding alone is the smallest
    pictures = [_mask(result, own[at], word) for at, word in sorted(places.items())]
    return f"<div>{''.join(pictures)}</div>" if any(pictures) else ""


def _size(finding: "Finding") -> int:
    return finding.subset.size if finding.subset else 0


def _mask(result: "Result", finding: "Finding", word: str) -> str:
    if finding.subset is None:
        return ""
    target = result.class_name(finding.model_version, finding.target_class)
    reached = f"{number(finding.verified_confidence)} {target[:MOST_CELL]}"
    return picture(finding.subset, f"{word}: {pixels_text(finding.subset)}, {reached}; {finding.item[:MOST_CELL]}")
