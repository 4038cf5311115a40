"""A stored verdict in one line, for beside its outcome: what the rule that decides it found. Judges nothing."""

from collections.abc import Mapping
from typing import Any

from modicum.gate.rendering.words import figure
from modicum.resource_names import short_version

from modicum_server.domain.verdicts import RuleLevel, Verdict, VerdictCheck, VerdictOutcome, VerdictRule

LIMITS: Mapping[str, str] = {"max": "at_most", "min": "at_least"}
"""The name of a limit in a verdict's document, by its key in the policy. Limits of changes are left out."""


def found_line(verdict: Verdict) -> str:
    """Return what decides a verdict, without its outcome.

    Of several rules that decide, the line tells of the one with the smallest p and counts the others. Where no rule
    decides, because all hold or a waiver expired, it is the verdict's own summary.
    """
    deciding = [rule for rule in verdict.rules if rule.level is RuleLevel.ERROR and rule.outcome is verdict.outcome]
    if verdict.outcome is VerdictOutcome.PASS or not deciding:
        return verdict.summary.removeprefix(f"{verdict.outcome}: ")
    worst = min(deciding, key=lambda rule: rule.p)
    others = len(deciding) - 1
    more = f", and {others} more {'rule' if others == 1 else 'rules'}" if others else ""
    whose = f"{short_version(worst.worst.model_version)}, " if len(verdict.model_versions) > 1 else ""
    return f"{whose}{_found(worst)}{more}"


def _found(rule: VerdictRule) -> str:
    """What its worst check found: its reason where it has one, else its number after the title of the rule."""
    check = rule.worst
    if check.reason:
        return f"{check.subject}: {check.reason}" if check.subject else check.reason
    return f"{rule.title}: {figure(_document(check, rule))}"


def _document(check: VerdictCheck, rule: VerdictRule) -> Mapping[str, Any]:
    """The check as a verdict's document has it, for the words of the gate."""
    ends = check.interval
    return {
        "subject": check.subject,
        "value": check.value,
        "unit": check.unit,
        "n": check.n,
        "interval": None if ends is None else {"low": ends.low, "high": ends.high, "level": ends.level},
        "limits": {LIMITS[limit.name]: limit.value for limit in rule.limits if limit.name in LIMITS},
    }
