"""A verdict in words: one line a rule, the same in every output."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum.gate.numbers import exact_percent, number, percent, points
from modicum.gate.tails import FEWEST_PAIRS
from modicum.gate.verdict import ORDER
from modicum.measures import USUAL_LEVEL

Document = Mapping[str, Any]
LIMIT_WORDS = {"at_least": "at least", "at_most": "at most"}
MOST_NAMED = 5
"""Checks that a rule's line names beside the worst."""
SPOT_WORDS = {"at_most": "fails if shown above", "passes_below": "passes if shown below"}
"""Of the spot test, whose two limits lie apart: a value between them may pass or not."""


def worst_first(rules: Sequence[Document]) -> list[Document]:
    """Return the rules: those of level error first, and of these the worst first."""
    return sorted(rules, key=lambda rule: (rule["level"] != "error", ORDER.index(rule["outcome"])))


def worst_check(rule: Document) -> Document:
    """Return the check of a rule that decides."""
    checks: Sequence[Document] = rule["checks"]
    return min(checks, key=lambda check: (ORDER.index(check["outcome"]), check["p"]))


def rule_line(rule: Document) -> str:
    """Return what a rule says, of its worst check, in one line without the outcome."""
    check = worst_check(rule)
    asked = "" if _limits(check) else f"passes with {rule['requirement']}"
    parts = figure(check), check["reason"], check["waived"], _failing_too(rule, check), asked
    return "; ".join(part for part in parts if part)


def _failing_too(rule: Document, worst: Document) -> str:
    """The other checks of a rule that fail: who mends the worst alone fails again."""
    failing = [one for one in rule["checks"] if one is not worst and one["outcome"] == ORDER[0] and not one["waived"]]
    names = [one.get("about", one["subject"]) or "all classes together" for one in failing]
    more = f" and {len(names) - MOST_NAMED:,} more" if len(names) > MOST_NAMED else ""
    return f"it also fails for {', '.join(names[:MOST_NAMED])}{more}" if names else ""


def figure(check: Document) -> str:
    """Return the number of a check, after what it is about: "class 7: 34% (28% to 41%), limit at most 10%, n = 60"."""
    about = check.get("about", check["subject"])  # verdicts of older releases have no words for it
    if check["value"] is None:
        return str(about)
    name = f"{about}: " if about else ""
    return f"{name}{_value(check)}{_interval(check)}{_limits(check)}, n = {check['n']}"


def check_line(check: Document) -> str:
    """Return what a check says, in one line with its outcome and its version."""
    found = ": ".join(text for text in (check["model_version"], figure(check)) if text)
    return "; ".join(part for part in (f"{check['outcome']} {found}", check["reason"], check["waived"]) if part)


def _exact(limit: float) -> str:
    return f"{limit:.6g}"


def _exact_points(limit: float) -> str:
    return exact_percent(limit).removesuffix("%")


@dataclass(frozen=True, slots=True)
class _Unit:
    """How numbers of a unit are written: estimates, limits that somebody chose, and what stands around either."""

    estimate: Callable[[float], str] = number
    chosen: Callable[[float], str] = _exact
    before: str = ""
    after: str = ""


UNITS = {
    "share": _Unit(percent, exact_percent),
    "difference": _Unit(points, _exact_points, after=" points"),
    "ratio": _Unit(before="a ratio of "),
    "pixels share": _Unit(percent, exact_percent, after=" of the pixels"),
    "pixels": _Unit(_exact, after=" pixels"),
    "confidence": _Unit(before="a confidence of "),
}
PLAIN = _Unit()


def _value(check: Document) -> str:
    unit = UNITS.get(check["unit"], PLAIN)
    return f"{unit.before}{unit.estimate(check['value'])}{unit.after}"


def _interval(check: Document) -> str:
    ends = check["interval"]
    if ends is None:
        return f" (no interval below n = {FEWEST_PAIRS})" if check["n"] < FEWEST_PAIRS else ""
    unit = UNITS.get(check["unit"], PLAIN)
    low, high = ("open" if end is None else unit.estimate(end) for end in (ends["low"], ends["high"]))
    level = "" if ends["level"] == USUAL_LEVEL else f"{exact_percent(ends['level'])} interval "
    return f" ({level}{low} to {high})"


def _limits(check: Document) -> str:
    """The limits of a number; empty where it has none, as in verdicts of older releases."""
    limits: Document = check.get("limits", {})
    if check["value"] is None or not limits:
        return ""
    unit = UNITS.get(check["unit"], PLAIN)
    two = "passes_below" in limits
    known = (SPOT_WORDS if two else LIMIT_WORDS).items()
    told = ", ".join(f"{words} {unit.chosen(limits[name])}{unit.after}" for name, words in known if name in limits)
    return f", {told}" if two else f", limit {told}"


def remarks(verdict: Document) -> Iterator[str]:
    """Yield what stands beside the rules: expired waivers, notes, and rules that were left out."""
    yield from verdict["expired_waivers"]
    yield from beside_rules(verdict)


def beside_rules(verdict: Document) -> Iterator[str]:
    """Yield notes, and rules that were left out."""
    yield from verdict["notes"]
    left_out: Document = verdict["left_out"]
    for why in dict.fromkeys(left_out.values()):
        names = ", ".join(name for name, reason in left_out.items() if reason == why)
        yield f"left out: {names}, because {why}"


def tested(rule: Document) -> str:
    """Return how a rule was tested: its p, and its share of the error budget."""
    return f"p = {rule['p']:.2g}; it fails where p is at most {rule['share']:.2g}, its share of the error budget"
