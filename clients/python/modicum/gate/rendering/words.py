"""A verdict in words: one line a rule, the same in every output."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modicum.measures import number, percent

Document = Mapping[str, Any]
WORST_FIRST = ("FAIL", "INCONCLUSIVE", "WAIVED", "PASS")


def worst_first(rules: Sequence[Document]) -> list[Document]:
    """Return the rules: those of level error first, and of these the worst first."""
    return sorted(rules, key=lambda rule: (rule["level"] != "error", WORST_FIRST.index(rule["outcome"])))


def worst_check(rule: Document) -> Document:
    """Return the check of a rule that decides."""
    checks: Sequence[Document] = rule["checks"]
    return min(checks, key=lambda check: (WORST_FIRST.index(check["outcome"]), check["p"]))


def rule_line(rule: Document) -> str:
    """Return what a rule says, of its worst check, in one line without the outcome."""
    check = worst_check(rule)
    parts = [figure(check), f"passes with {rule['requirement']}", check["reason"], check["waived"]]
    return "; ".join(part for part in parts if part)


def figure(check: Document) -> str:
    """Return the number of a check with its interval, and of what it is."""
    subject = f"{check['subject']} " if check["subject"] else ""
    if check["value"] is None:
        return subject.strip()
    return f"{subject}{_shown(check, check['value'])}{_interval(check)}, n = {check['n']}"


def _shown(check: Document, value: float | None) -> str:
    if value is None:
        return "open"
    return percent(value) if check["unit"] == "share" else number(value)


def _interval(check: Document) -> str:
    ends = check["interval"]
    if ends is None:
        return ""
    return f" ({_shown(check, ends['low'])} to {_shown(check, ends['high'])} at {ends['level']:.6g})"


def remarks(verdict: Document) -> Iterator[str]:
    """Yield what stands beside the rules: expired waivers, notes, and rules that were left out."""
    yield from verdict["expired_waivers"]
    yield from verdict["notes"]
    left_out: Document = verdict["left_out"]
    for why in dict.fromkeys(left_out.values()):
        names = ", ".join(name for name, reason in left_out.items() if reason == why)
        yield f"left out: {names}, because {why}"


def tested(rule: Document) -> str:
    """Return how a rule was tested: its p, and its share of the error budget."""
    return f"p = {rule['p']:.2g}; it fails where p is at most {rule['share']:.2g}, its share of the error budget"
