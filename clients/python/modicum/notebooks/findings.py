"""A finding in a notebook: what suffices in a sentence, its mask, and what else is known of it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from modicum.gate.numbers import number, percent
from modicum.notebooks.markup import card, facts, sentence, text
from modicum.notebooks.pictures import pictures
from modicum.reasons import reason_text
from modicum.resource_names import printable, short_version

if TYPE_CHECKING:
    from modicum.findings import Finding, Subset


def finding_card(finding: "Finding") -> str:
    """The card of a finding. Classes have names where the version names them."""
    return card(_parts(finding), "its fields have the rest.")


def finding_line(finding: "Finding") -> str:
    """The image, the version and what suffices, in one line: a.jpg, m/1: 12 of 784 pixels (1.5%) suffice, ..."""
    version = f"{short_version(finding.model_version)}, search {finding.search_index}"
    return printable(f"{finding.item}, {version}: {_found(finding)}")


def pixels_text(subset: "Subset") -> str:
    """The size of a subset: 12 of 784 pixels (1.5%)."""
    return f"{subset.size:,} of {subset.height * subset.width:,} pixels ({percent(subset.fraction)})"


def reached_text(finding: "Finding") -> str:
    """What the subset reaches: confidence 0.91 in owl."""
    return f"confidence {number(finding.verified_confidence)} in {finding.class_name(finding.target_class)}"


def _parts(finding: "Finding") -> Iterator[str]:
    found = _found(finding)
    yield sentence(text(f"{found[:1].upper()}{found[1:]}."))
    if finding.subset is not None:
        yield pictures(finding)
    yield facts(_facts(finding))


def _found(finding: "Finding") -> str:
    if finding.subset is None:
        return f"no subset: {reason_text(finding.reason)}" if finding.reason else "no subset"
    return f"{pixels_text(finding.subset)} suffice: {reached_text(finding)}"


def _facts(finding: "Finding") -> Iterator[tuple[str, str]]:
    scored = finding.predicted_class is not None
    yield "image", finding.item
    yield "model version", short_version(finding.model_version)
    yield "search", str(finding.search_index)
    yield "label", _class(finding, finding.label)
    yield "predicted class", _class(finding, finding.predicted_class)
    yield "target class", _class(finding, finding.target_class)
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
        return f"the same search found no subset for {finding.class_name(other.target_class)}"
    return f"the same search found {other.size:,} pixels for {finding.class_name(other.target_class)}"


def _class(finding: "Finding", index: int | None) -> str:
    """A class by name and number, because two classes may have one name."""
    name = finding.class_name(index)
    return name if index is None or name == f"class {index}" else f"{name} (class {index})"
