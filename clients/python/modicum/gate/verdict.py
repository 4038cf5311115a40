"""A verdict as values, and as the JSON document from which every output is rendered. Judges nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Any

from modicum.gate.counting import counted
from modicum.gate.early_stop import Looks, extent, looks_of
from modicum.gate.policy import ALL_TOGETHER, REPORT_ONLY, Level, Policy, Rule

KIND = "modicum.verdict"
SCHEMA_VERSION = 1
MOST_NAMED = 3
"""Classes that a summary names."""


class Outcome(StrEnum):
    """What a rule, or a policy, says of a result. WAIVED is of a rule that fails and is tolerated."""

    PASS = "PASS"  # noqa: S105  # no password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    WAIVED = "WAIVED"


#: The outcome that decides among several stands before the others.
ORDER = (Outcome.FAIL, Outcome.INCONCLUSIVE, Outcome.WAIVED, Outcome.PASS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Between what a number passes, in its own unit; None where there is no such limit.

    Attributes:
        at_most: it fails above this.
        at_least: it fails below this.
        passes_below: of the spot test, where it passes only below this.
    """

    at_most: float | None = None
    at_least: float | None = None
    passes_below: float | None = None

    def as_json(self) -> dict[str, float]:
        """Return those that there are."""
        return {name: limit for name in self.__slots__ if (limit := getattr(self, name)) is not None}


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a rule says of one version, under one search, and of one class where it is judged by class.

    Attributes:
        subject: what it is about within the version: a class, an outcome, a comparison. It begins with the class.
        class_label: the class that it is about; empty where it is about none alone.
        limits: what the value was compared with.
        p: of the hypothesis that the rule holds; small where it fails.
        passes: whether it lies within, one-sided at 95%.
        judgeable: whether the evidence may be judged at all; where it may not, `reason` says why.
        reason: what is missing, or what was found.
        against_baseline: whether it compares with the baseline.
        lacks_images: whether too many images of the baseline are missing, so that it cannot pass.
        unsettled: why it is inconclusive, where it neither fails nor passes.
    """

    model_version: str
    subject: str = ""
    class_label: str = ""
    value: float | None = None
    unit: str = ""
    n: int = 0
    low: float | None = None
    high: float | None = None
    level: float | None = None
    limits: Limits = NO_LIMITS
    p: float = 1.0
    passes: bool = False
    judgeable: bool = True
    reason: str = ""
    unsettled: str = ""
    against_baseline: bool = False
    lacks_images: bool = False
    outcome: Outcome = Outcome.INCONCLUSIVE
    waived: str = ""

    @property
    def about(self) -> str:
        """Its subject in words: a class is called one, whatever its name."""
        if not self.class_label:
            return self.subject
        return f"{class_words(self.class_label)}{self.subject.removeprefix(self.class_label)}"


def class_words(label: str) -> str:
    """Return a class as a sentence has it, "class cat"; all classes together stay as they are called."""
    return label if label == ALL_TOGETHER or label.startswith("class ") else f"class {label}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleVerdict:
    """What one rule says. `share` is the part of the error budget at which it was judged; p is over all its checks."""

    rule: Rule
    requirement: str
    outcome: Outcome
    p: float
    share: float
    checks: tuple[Check, ...]

    @property
    def worst(self) -> Check:
        """The check that decides."""
        return min(self.checks, key=lambda check: (ORDER.index(check.outcome), check.p))


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a policy says of a result.

    Attributes:
        judged_on: the day (UTC) with which the expiry of waivers was compared.
        expired: waivers that have expired, in words; each is a violation.
        left_out: rules of the preset that the result has nothing for, and why.
        notes: what a reader must know beside the rules, such as accepted places.
        excused: of the notes, those about accepted places and waived failures.
        accepted: labels of the classes of which a place was accepted.
        worst_spot: pictures of the worst spot that the rule `spot` does not pass, and what the model says of them.
    """

    outcome: Outcome
    policy: Policy
    judged_on: date
    result: Mapping[str, Any]
    rules: tuple[RuleVerdict, ...]
    expired: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    excused: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    worst_spot: Mapping[str, Any] | None = None

    @property
    def summary(self) -> str:
        """The verdict in one sentence: with the images looked at out of those planned, and what a PASS excuses."""
        is_early = looks_of(self.result) is Looks.EARLY
        after = f", after {extent(self.result['stopping'])}" if is_early else ""
        return "; ".join([f"{self._decision}{after}", *(self._excuses if self.outcome is Outcome.PASS else ())])

    @property
    def _excuses(self) -> Iterator[str]:
        """What the rules of level error pass without: waived failures, and places that a person accepted."""
        errors = [one for one in self.rules if one.rule.level is Level.ERROR]
        if waived := [one.rule.id for one in errors if one.outcome is Outcome.WAIVED]:
            yield f"waived: {', '.join(waived)}"
        if self.accepted and any(one.rule.known.is_spot for one in errors):
            named, more = self.accepted[:MOST_NAMED], len(self.accepted) - MOST_NAMED
            others = f" and {more} more" if more > 0 else ""
            yield f"accepted as evidence: a place of {', '.join(map(class_words, named))}{others}"

    @property
    def _decision(self) -> str:
        if "unmeasured" in self.result and not self.expired:
            return f"{self.outcome}: {self.result['unmeasured']}"
        errors = [one for one in self.rules if one.rule.level is Level.ERROR]
        deciding = [one.rule.id for one in errors if one.outcome is self.outcome]
        if self.outcome is Outcome.PASS:
            within = sum(one.outcome is Outcome.PASS for one in errors)
            some = "" if within == len(errors) else f"{within} of "
            told = f"PASS: {some}{counted(len(errors), 'rule')} of level error within limits"
            return told if errors else NOTHING_REQUIRED
        if not errors and not self.expired:
            return NOTHING_JUDGED
        if not deciding:
            return f"{self.outcome}: {counted(len(self.expired), 'waiver')} expired"
        return (
            f"{self.outcome}: {', '.join(deciding)} ({len(deciding)} of {counted(len(errors), 'rule')} of level error)"
        )

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "kind": KIND,
            "schema_version": SCHEMA_VERSION,
            "outcome": self.outcome.value,
            "summary": self.summary,
            "judged_on": self.judged_on.isoformat(),
            "policy": {
                "file": self.policy.file,
                "digest": self.policy.digest,
                "preset": self.policy.preset,
                "error_budget": self.policy.error_budget,
                "inconclusive": self.policy.inconclusive.value,
                "first_expiry": None if self.policy.first_expiry is None else self.policy.first_expiry.isoformat(),
            },
            "result": dict(self.result),
            "rules": [_rule_json(one) for one in self.rules],
            "expired_waivers": list(self.expired),
            "left_out": dict(self.left_out),
            "notes": list(self.notes),
            "excused": list(self.excused),
            "worst_spot": None if self.worst_spot is None else dict(self.worst_spot),
        }


def worst_of(outcomes: Iterable[Outcome]) -> Outcome:
    """Return the outcome that decides among several."""
    return min(outcomes, key=ORDER.index)


def overall(outcomes: Sequence[Outcome], expired: Sequence[str], preset: str) -> Outcome:
    """Return the outcome of a verdict from those of its rules of level error and its expired waivers.

    Without a rule of level error nothing was judged: INCONCLUSIVE, or PASS if the preset only reports.
    """
    if expired:
        return Outcome.FAIL
    if not outcomes and preset != REPORT_ONLY:
        return Outcome.INCONCLUSIVE
    worst = worst_of([*outcomes, Outcome.PASS])
    return Outcome.PASS if worst is Outcome.WAIVED else worst


NOTHING_JUDGED = (
    "INCONCLUSIVE: no rule of level error applies here, so nothing was judged; add one, or write `preset: "
    f"{REPORT_ONLY}`"
)
NOTHING_REQUIRED = "PASS: the policy has no rule of level error, so nothing was required"


def _rule_json(one: RuleVerdict) -> dict[str, Any]:
    return {
        "id": one.rule.id,
        "title": one.rule.known.title,
        "level": one.rule.level.value,
        "outcome": one.outcome.value,
        "requirement": one.requirement,
        "p": one.p,
        "share": one.share,
        "line": None if one.rule.shown_at is None else one.rule.shown_at.line,
        "column": None if one.rule.shown_at is None else one.rule.shown_at.column,
        "checks": [_check_json(check) for check in one.checks],
    }


def _check_json(check: Check) -> dict[str, Any]:
    return {
        "model_version": check.model_version,
        "subject": check.subject,
        "about": check.about,
        "outcome": check.outcome.value,
        "value": check.value,
        "unit": check.unit,
        "n": check.n,
        "interval": None if check.level is None else {"low": check.low, "high": check.high, "level": check.level},
        "limits": check.limits.as_json(),
        "p": check.p,
        "reason": check.reason,
        "waived": check.waived,
    }
