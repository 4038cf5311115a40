"""Findings, measures and rules as tables of pandas: one row each, flat columns. Computes nothing.

Columns that may lack a number are nullable: Int64, boolean, or a float that is NaN. A text that is lacking is empty.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from modicum.gate.policy_file import LIMITS
from modicum.measures import Measure
from modicum.optional import optional_module

if TYPE_CHECKING:
    import pandas as pd

    from modicum.findings import Finding
    from modicum.results import Result, SearchResult
    from modicum.verdicts import JudgedRule, Verdict

#: Types of columns of pandas.
TEXT, FLOAT, WHOLE, TRUTH, MAYBE = "object", "float64", "Int64", "bool", "boolean"
FINDINGS: Mapping[str, str] = {
    "item": TEXT,
    "position": WHOLE,
    "image_digest": TEXT,
    "model_version": TEXT,
    "search_index": WHOLE,
    "label": WHOLE,
    "label_name": TEXT,
    "predicted_class": WHOLE,
    "predicted_class_name": TEXT,
    "target_class": WHOLE,
    "target_class_name": TEXT,
    "eligible": TRUTH,
    "baseline_confident": TRUTH,
    "confidence": FLOAT,
    "margin": FLOAT,
    "subset_size": WHOLE,
    "subset_fraction": FLOAT,
    "subset_height": WHOLE,
    "subset_width": WHOLE,
    "verified_confidence": FLOAT,
    "reason": TEXT,
    "budget_exhausted": TRUTH,
    "saturated": TRUTH,
    "passes_forward": WHOLE,
    "passes_backward": WHOLE,
    "class_targeted_found": MAYBE,
    "class_targeted_size": WHOLE,
}
MEASURES: Mapping[str, str] = {
    "model_version": TEXT,
    "search_index": WHOLE,
    "threshold": FLOAT,
    "measure": TEXT,
    "title": TEXT,
    "class": WHOLE,
    "class_name": TEXT,
    "value": FLOAT,
    "unit": TEXT,
    "n": WHOLE,
    "interval_low": FLOAT,
    "interval_high": FLOAT,
    "interval_level": FLOAT,
    "interval_method": TEXT,
    "unavailable": TEXT,
}
RULES: Mapping[str, str] = {
    "verdict": TEXT,
    "audit": TEXT,
    "rule": TEXT,
    "title": TEXT,
    "level": TEXT,
    "outcome": TEXT,
    "requirement": TEXT,
    **dict.fromkeys(LIMITS, FLOAT),
    "p": FLOAT,
    "share": FLOAT,
    "check_count": WHOLE,
    "model_version": TEXT,
    "subject": TEXT,
    "value": FLOAT,
    "unit": TEXT,
    "n": WHOLE,
    "interval_low": FLOAT,
    "interval_high": FLOAT,
    "interval_level": FLOAT,
    "reason": TEXT,
    "waived": TEXT,
}


def findings_frame(result: "Result") -> "pd.DataFrame":
    """A row for each finding, in the order of the findings."""
    return _frame(FINDINGS, (_finding(result, finding) for finding in result.findings), "to_pandas()")


def measures_frame(result: "Result") -> "pd.DataFrame":
    """A row for each measure of each version and search, and one for each class of it."""
    return _frame(MEASURES, _measures(result), "measures_to_pandas()")


def rules_frame(verdict: "Verdict") -> "pd.DataFrame":
    """A row for each rule, with its worst check."""
    return _frame(RULES, (_rule(verdict, rule) for rule in verdict.rules), "to_pandas()")


def _frame(columns: Mapping[str, str], rows: Iterable[Sequence[Any]], method: str) -> "pd.DataFrame":
    pandas = optional_module("pandas", method)
    by_column = list(zip(*rows, strict=True)) or [()] * len(columns)
    named = zip(columns.items(), by_column, strict=True)
    return pandas.DataFrame({name: pandas.Series(values, dtype=kind) for (name, kind), values in named})


def _finding(result: "Result", finding: "Finding") -> Sequence[Any]:
    subset, other = finding.subset, finding.controls.class_targeted
    scored = finding.predicted_class is not None
    return (
        finding.item,
        finding.position,
        finding.image_digest,
        finding.model_version,
        finding.search_index,
        *_class(result, finding.model_version, finding.label),
        *_class(result, finding.model_version, finding.predicted_class),
        *_class(result, finding.model_version, finding.target_class),
        finding.eligible,
        finding.baseline_confident,
        finding.confidence if scored else None,
        finding.margin if scored else None,
        *((subset.size, subset.fraction, subset.height, subset.width) if subset else (None,) * 4),
        finding.verified_confidence if subset else None,
        finding.reason,
        finding.budget_exhausted,
        finding.saturated,
        finding.passes.forward,
        finding.passes.backward,
        other.found if other else None,
        other.size if other and other.found else None,
    )


def _class(result: "Result", version: str, index: int | None) -> tuple[int | None, str]:
    return index, result.class_name(version, index)


def _measures(result: "Result") -> Iterator[Sequence[Any]]:
    for model in result.models:
        for index, search in enumerate(model.searches):
            for measure in search.measures.values():
                yield _measure(result, model.model_version, (index, search), measure, None)
                for group, of_class in measure.groups.items():
                    yield _measure(result, model.model_version, (index, search), of_class, int(group))


def _measure(
    result: "Result", version: str, searched: tuple[int, "SearchResult"], measure: Measure, index: int | None
) -> Sequence[Any]:
    place, search = searched
    return (
        version,
        place,
        search.threshold,
        measure.name,
        measure.title,
        *_class(result, version, index),
        measure.value,
        measure.unit,
        measure.n,
        measure.low,
        measure.high,
        measure.level if measure.method else None,
        measure.method,
        measure.unavailable,
    )


def _rule(verdict: "Verdict", rule: "JudgedRule") -> Sequence[Any]:
    worst = rule.worst
    return (
        verdict.name,
        verdict.audit,
        rule.id,
        rule.title,
        rule.level.value,
        rule.outcome.value,
        rule.requirement,
        *map(rule.limits.get, LIMITS),
        rule.p,
        rule.share,
        rule.check_count,
        worst.model_version,
        worst.subject,
        worst.value,
        worst.unit,
        worst.n,
        worst.low,
        worst.high,
        worst.level,
        worst.reason,
        worst.waived,
    )
