"""A finding in a notebook: what suffices in a sentence, its mask, and what else is known of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from modicum.gate.numbers import number, percent
from modicum.notebooks.markup import card, facts, sentence, text
from modicum.notebooks.pictures import pictures
from modicum.reasons import reason_text
from modicum.resource_names import short_version

if TYPE_CHECKING:
    from modicum.findings import Finding, Subset


def finding_card(finding: "Finding") -> str:
    """The card of a finding. Classes are numbers: a finding does not know their names."""
    return card(_parts(finding), "its fields have the rest.")


def pixels_text(subset: "Subset") -> str:
    """The size of a subset: 12 of 784 pixels (1.5%)."""
    return f"{subset.size:,} of {subset.height * subset.width:,} pixels ({percent(subset.fraction)})"


def _parts(finding: "Finding") -> Iterator[str]:
    yield sentence(text(_found(finding)))
    if finding.subset is not None:
        yield pictures(finding)
    yield facts(_facts(finding))


def _found(finding: "Finding") -> str:
    if finding.subset is None:
        return f"No subset: {reason_text(finding.reason)}." if finding.reason else "No subset."
    reached = f"confidence {number(finding.verified_confidence)} in {_class(finding.target_class)}"
    return f"{pixels_text(finding.subset)} suffice: {reached}."


def _facts(finding: "Finding") -> Iterator[tuple[str, str]]:
    scored = finding.predicted_class is not None
    yield "image", finding.item
    yield "model version", short_version(finding.model_version)
    yield "search", str(finding.search_index)
    yield "label", _class(finding.label)
    yield "predicted class", _class(finding.predicted_class)
    yield "target class", _class(finding.target_class)
    yield "confidence on the whole image", number(finding.confidence) if scored else ""
    yield "bare fill", "suffices alone" if finding.baseline_confident else ""
    yield "budget", "spent before the search ended" if finding.budget_exhausted else ""
    yield "probabilities", "saturated: they leave no room for a comparison" if finding.saturated else ""
    yield "random other class", _other(finding)
    yield "passes", f"{finding.passes.forward:,} forward, {finding.passes.backward:,} backward"


def _other(finding: "Finding") -> str:
    other = finding.controls.class_targeted
    if other is None:
        return ""
    if not other.found:
        return f"the same search found no subset for class {other.target_class}"
    return f"the same search found {other.size:,} pixels for class {other.target_class}"


def _class(index: int | None) -> str:
    return "" if index is None else f"class {index}"
