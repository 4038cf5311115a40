"""A verdict in a notebook: its summary, its outcome, and what each rule says of its worst check."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from modicum.gate.rendering.words import figure
from modicum.gate.verdict import ORDER
from modicum.notebooks.markup import card, outcome, paragraph, sentence, table, text
from modicum.resource_names import last_part, short_version

if TYPE_CHECKING:
    from modicum.verdicts import JudgedCheck, JudgedRule, Verdict

#: Rules in a card, those that decide first.
MOST_RULES = 40
HEADS = ("outcome", "rule", "level", "found", "passes with")


def verdict_card(verdict: "Verdict") -> str:
    """The card of a verdict."""
    return card(_parts(verdict), "verdict.rules has all.")


def _parts(verdict: "Verdict") -> Iterator[str]:
    yield sentence(text(verdict.summary))
    versions = ", ".join(map(short_version, verdict.model_versions))
    stored = "" if verdict.name else ", not stored"
    yield paragraph(f"{outcome(verdict.outcome)} {text(f'audit {last_part(verdict.audit)} of {versions}{stored}')}")
    rules = sorted(verdict.rules, key=lambda rule: (rule.level != "error", ORDER.index(rule.outcome)))
    yield table(HEADS, map(_row, rules[:MOST_RULES]))
    if len(rules) > MOST_RULES:
        yield paragraph(f"{len(rules) - MOST_RULES} more rules are in verdict.rules.")


def _row(rule: "JudgedRule") -> Sequence[str]:
    title = f"{rule.title} ({rule.id})"
    return outcome(rule.outcome), text(title), text(rule.level), text(_found(rule.worst)), text(rule.requirement)


def _found(check: "JudgedCheck") -> str:
    ends = None if check.level is None else {"low": check.low, "high": check.high, "level": check.level}
    seen = {"subject": check.subject, "value": check.value, "unit": check.unit, "interval": ends, "n": check.n}
    told = ": ".join(part for part in (short_version(check.model_version), figure(seen)) if part)
    return "; ".join(part for part in (told, check.reason, check.waived) if part)
