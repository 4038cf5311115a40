"""A result in ten lines of 80 columns: the outcome, the summary, where the report is. What does not fit is counted."""

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from modicum.cli.result_tables import headline, mitigation_lines
from modicum.gate.early_stop import ENDED_EARLY, stop_notes
from modicum.gate.outcomes import (
    DECIDING,
    NONE_IN_ALL,
    WITH_A_SPOT,
    badness,
    not_eligible,
    shown_outcomes,
    spot_rows,
    unsearched,
    worst,
)
from modicum.resource_names import last_part
from modicum.results import ModelResult, Result
from modicum.wrapping import rows_of

MOST_LINES = 10
LINE_COLUMNS = 80
MOST_NAMED = 3
"""Classes with a spot that the first line names, and images without a result that are named."""
NO_SPOTS = "; small spots were not tested"
NO_CLASS = "; no class was tested by itself"
CHECK_INPUT = ": check --input first"
"""What to do where no image could be searched. A wrong preprocessing is the usual reason, and it does not fail."""
NO_OUTCOME = "no outcome: the spot test, the test of edge and background and a counterfactual set all decided nothing"


def report_command(audit: str) -> str:
    """The command that writes the report of an audit."""
    return f"modicum audits report {last_part(audit)} --output report.html"


def tables_command(audit: str) -> str:
    """The command that prints all that is left out here."""
    return f"modicum audits show {last_part(audit)} -v"


def outcomes_of(model: ModelResult, document: Mapping[str, Any]) -> dict[str, str]:
    """The outcomes of the controls that decide, by control, as reports and pages show them."""
    found = {control: getattr(model, control) for control in DECIDING}
    return shown_outcomes(found, spot_rows(document, model.model_version))


def worst_outcome(model: ModelResult, document: Mapping[str, Any]) -> str:
    """The worst outcome of the controls that decide; empty where none of them ran."""
    return worst(outcomes_of(model, document).values())


def worst_first(models: Sequence[ModelResult], document: Mapping[str, Any]) -> list[ModelResult]:
    """Models by their worst outcome; equal ones in the order of the audit. One without an outcome counts as open."""
    return sorted(models, key=lambda model: badness(worst_outcome(model, document)))


def short_lines(result: Result, *, report: str, tables: str) -> list[str]:
    """The result in lines that are not wrapped yet. At 80 columns they take ten, unless the first sentence is longer.

    Of several models the worst comes first, so that those left out are never worse than one that is shown.

    Args:
        result: what to show.
        report: where the report is, or the command that writes it.
        tables: the command that prints the tables and all sentences.
    """
    heads = [next(iter(mitigation_lines(check, result.called))) for check in result.mitigation]
    ended = [*stop_notes(result.document), *result.document.get("deleted", ()), *_without_result(result)]
    if len(result.models) == 1:
        (model,) = result.models
        heads += [_head(model, result), *ended]
        sentences = _sentences(model)
        free = MOST_LINES - _rows(*heads, f"report: {report}", _more(tables, len(sentences)))
        shown = _fitting(sentences, free)
        paragraph = " ".join(sentences[:shown])
        return [*heads, paragraph, f"report: {report}", _more(tables, len(sentences) - shown)]
    told = [*heads, *ended]
    paragraphs = [_paragraph(model, result) for model in worst_first(result.models, result.document)]
    free = MOST_LINES - _rows(*told, f"report: {report}", _more(tables, 0, len(paragraphs)))
    shown = next((n for n in range(len(paragraphs), 1, -1) if _rows(*paragraphs[:n]) <= free), 1)
    return [*told, *paragraphs[:shown], f"report: {report}", _more(tables, 0, len(paragraphs) - shown)]


def _without_result(result: Result) -> list[str]:
    """The line on images without a result, if there are any: the most, where models differ, and the first by name."""
    counts = [search.counts for model in result.models for search in model.searches]
    numbers = {one["failed"] for one in counts}
    if not any(numbers):
        return []
    at_most = "at most " if len(numbers) > 1 else ""
    images = counts[0]["images"]
    has = "image has" if images == 1 else "images have"
    return [f"{at_most}{max(numbers):,} of {images:,} {has} no result{_failures(result, max(numbers))}"]


def _failures(result: Result, failed: int) -> str:
    """The first items without a result, each with its reason, and how many more; empty where none is listed.

    Copies of an image are listed, but are not among those that `failed`.
    """
    reasons = {row["item"]: row["reason"] for row in result.document.get("failures", ())}
    named = [f"{item} ({reason})" for item, reason in islice(reasons.items(), MOST_NAMED)]
    more = len(reasons) - len(named)
    copied = len(reasons) > failed and result.document.get("dataset", {}).get("copies")
    with_copies = f" ({len(reasons):,} with copies)" if copied else ""
    return f"{with_copies}: {', '.join([*named, *([f'{more:,} more'] if more else [])])}" if named else ""


def _head(model: ModelResult, result: Result) -> str:
    too_few = _too_few_searched(model)
    outcomes = outcomes_of(model, result.document)
    if not outcomes:
        return f"{result.called(model.model_version)}: {NO_OUTCOME}{too_few}"
    outcome = worst(outcomes.values())
    by = [words for control, words in DECIDING.items() if outcomes.get(control) == outcome]
    pooled = NO_CLASS if outcomes.get("spot") == NONE_IN_ALL else _with_a_spot(model, result)
    beside = pooled if "spot" in outcomes else NO_SPOTS
    return f"{result.called(model.model_version)}: {outcome} by {' and '.join(by)}{beside}{too_few}"


def _too_few_searched(model: ModelResult) -> str:
    """How many images could not be searched for want of confidence, where that is most of them; empty otherwise."""
    too_few, eligible = not_eligible(model.first.counts), model.first.counts["eligible"]
    said = unsearched(too_few, too_few + eligible)
    return f"; {said}{'' if eligible else CHECK_INPUT}" if said else ""


def _with_a_spot(model: ModelResult, result: Result) -> str:
    """The classes that a spot was found for, the worst first, and how many beyond `MOST_NAMED`; empty without one."""
    rows = [row for row in spot_rows(result.document, model.model_version) if row["target_class"] is not None]
    found = sorted((row for row in rows if row["outcome"] in WITH_A_SPOT), key=lambda row: badness(row["outcome"]))
    if not found:
        return ""
    more = len(found) - MOST_NAMED
    labels = [str(row["label"]) for row in found[:MOST_NAMED]] + ([f"{more} more"] if more > 0 else [])
    named = " and ".join(filter(None, (", ".join(labels[:-1]), labels[-1])))
    return f"; {'a spot was' if len(found) == 1 else 'spots were'} found for {named}"


def _paragraph(model: ModelResult, result: Result) -> str:
    return f"{_head(model, result)}. {_sentences(model)[0]}"


def _sentences(model: ModelResult) -> list[str]:
    """The summary without where the audit ended, which has a line of its own; the counts where there is none."""
    told = [sentence for sentence in model.summary if not sentence.startswith(ENDED_EARLY)]
    return told or list(headline(model.first))


def _fitting(sentences: Sequence[str], free: int) -> int:
    """How many sentences fit into so many lines; at least one."""
    return next((n for n in range(len(sentences), 1, -1) if _rows(" ".join(sentences[:n])) <= free), 1)


def _rows(*lines: str) -> int:
    return sum(rows_of(line, LINE_COLUMNS) for line in lines)


def _more(tables: str, sentences: int, models: int = 0) -> str:
    no_worse = f", {'none' if models > 1 else 'not'} worse," if models else ""
    counted = ((models, "model", no_worse), (sentences, "sentence", ""))
    left_out = [f"{number} more {word}{'s' if number > 1 else ''}{end}" for number, word, end in counted if number]
    return f"more: {tables} ({' and '.join([*left_out, 'the tables'])})"
