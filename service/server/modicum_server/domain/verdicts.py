"""Stored verdicts: what a policy said of the result of an audit. The engine of the gate makes them.

A verdict has the check that decides each rule. Its document, an artifact, has every check.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class VerdictOutcome(StrEnum):
    """What a check, a rule or the whole policy says. WAIVED is of a rule or a check that fails and is tolerated."""

    PASS = "PASS"  # noqa: S105 - no password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    WAIVED = "WAIVED"


OVERALL = (VerdictOutcome.PASS, VerdictOutcome.FAIL, VerdictOutcome.INCONCLUSIVE)
"""The outcomes of a whole verdict."""


class RuleLevel(StrEnum):
    """What a rule does. Rules that are off are not judged."""

    WARN = "WARN"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class VerdictInterval:
    """An interval at a level. An end is None where the interval is open."""

    low: float | None
    high: float | None
    level: float


@dataclass(frozen=True, slots=True)
class VerdictLimit:
    """A limit of a rule by its key in the policy, in the unit of the measure."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class VerdictCheck:
    """What a rule says of one version, and of one class where it is judged by class."""

    model_version: str
    subject: str
    outcome: VerdictOutcome
    value: float | None
    unit: str
    n: int
    interval: VerdictInterval | None
    p: float
    reason: str
    waived: str


@dataclass(frozen=True, slots=True)
class VerdictRule:
    """What a rule says. `share` is its part of the error budget, `worst` the check that decides."""

    id: str
    title: str
    level: RuleLevel
    outcome: VerdictOutcome
    requirement: str
    limits: tuple[VerdictLimit, ...]
    p: float
    share: float
    check_count: int
    worst: VerdictCheck


@dataclass(frozen=True, slots=True)
class Verdict:
    """A verdict. `name` is empty if it was not stored, `baseline` and its digest are if it compared with nothing."""

    name: str
    audit: str
    model_versions: tuple[str, ...]
    outcome: VerdictOutcome
    summary: str
    rules: tuple[VerdictRule, ...]
    result_digest: str
    policy_digest: str
    baseline: str
    baseline_digest: str
    document_digest: str
    principal: str
    create_time: datetime


@dataclass(frozen=True, slots=True)
class UsedPolicy:
    """A policy by which verdicts of a project were made, by its digest: how many, and the newest one."""

    digest: str
    verdict_count: int
    newest: Verdict
