"""The worst spot of a verdict: a copy that changed the class, in pictures and in words. Judges nothing.

The pictures come from a report in JSON, which holds one copy of each class with a spot (`spot_pictures`).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from modicum.gate.named_classes import classes_of
from modicum.gate.numbers import percent
from modicum.gate.policy import ALL_TOGETHER, Acceptance
from modicum.gate.spots import spot_subject
from modicum.gate.verdict import Check, Outcome, RuleVerdict

Document = Mapping[str, Any]


def worst_spot(document: Document, judged: Iterable[RuleVerdict], accept: Sequence[Acceptance]) -> Document | None:
    """Return the worst spot that the rule `spot` does not pass; None where there is none, or no picture of it."""
    pictured = [entry for entry in document.get("spot_pictures", ()) if not _is_accepted(entry, accept)]
    for check in _worst_first(judged):
        of_version = [entry for entry in pictured if entry["model_version"] == check.model_version]
        for entry in of_version:
            if spot_subject(entry, classes_of(document, check.model_version)) == check.subject:
                return _shown(entry, check)
    return None


def has_copied_spots(document: Document) -> bool:
    """Return whether a result names copies that changed a class, so that its report has pictures of them."""
    return any(row["examples"] for test in document.get("spots", ()) for row in test["rows"])


def _worst_first(judged: Iterable[RuleVerdict]) -> list[Check]:
    order = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.WAIVED)
    checks = [check for one in judged if one.rule.known.is_spot for check in one.checks if check.outcome in order]
    return sorted(checks, key=lambda check: (order.index(check.outcome), check.p))


def _is_accepted(entry: Document, accept: Sequence[Acceptance]) -> bool:
    label = ALL_TOGETHER if entry["target_class"] is None else entry["label"]
    return any(one.class_label == label and one.place.holds(entry["place"]) for one in accept)


def _shown(entry: Document, check: Check) -> Document:
    return {
        "model_version": check.model_version,
        "subject": check.subject,
        "outcome": check.outcome.value,
        "place": entry["place"],
        "canvas": entry["canvas"],
        "outline": entry["outline"],
        "pictures": [
            {"title": title, "text": text, "uri": entry["pictures"][name]} for name, title, text in _told(entry)
        ],
    }


def _told(entry: Document) -> Iterator[tuple[str, str, str]]:
    """Yield each picture's name, its title, and what the model says of it."""
    source, other = entry["source"], entry["other"]
    followed = source["class"] if entry["target_class"] is None else entry["label"]
    yield "photograph", source["item"], f"The model says {_answer(source)}."
    yield "covered", "The spot covered by pixels of another picture", _covered_words(entry, source["class"])
    yield "other", other["item"], f"The model says {_answer(other)}."
    yield "pasted", f"The spot pasted onto {other['item']}", _pasted_words(entry, followed)


def _answer(image: Document) -> str:
    return f"{image['class']} ({percent(image['confidence'])})"


def _covered_words(entry: Document, label: str) -> str:
    counts = entry["covered"]
    if counts is None:
        return "This spot was not tested by covering it."
    instead = "another picture of its class covers it" if _is_pattern(entry) else "another place is covered"
    return f"The model then says another class than {label} {_tries(counts, instead)}."


def _pasted_words(entry: Document, label: str) -> str:
    counts = entry["pasted"]
    instead = "its pixels come from another class" if _is_pattern(entry) else "another place is pasted"
    return f"The model now says {label}" + ("." if counts is None else f" {_tries(counts, instead)}.")


def _is_pattern(entry: Document) -> bool:
    """Whether the spot is compared with itself, filled from other pictures."""
    return bool(entry["place"]["kind"] == "PATTERN")


def _tries(counts: Document, instead: str) -> str:
    pairs = counts["pairs"]
    return f"in {counts['here']} of {pairs} tries; in {counts['elsewhere']} of {pairs} when {instead}"
