"""What in a verdict does not follow from the rest of it, as after an edit. Has no clock, and judges no result."""

import math
from collections.abc import Mapping
from datetime import date
from typing import Any

from modicum.gate.judging import holm_shares
from modicum.gate.policy import Level
from modicum.gate.verdict import Outcome, overall, worst_of

Document = Mapping[str, Any]
FAILING = frozenset({Outcome.FAIL, Outcome.WAIVED})
CLOSE = 1e-9
"""How far two p may be apart, relative to the larger."""


def contradiction_in(verdict: Document) -> str:
    """Return what in a verdict does not follow from its checks; empty if all does."""
    if "unmeasured" in verdict["result"]:
        return _measured_anyway(verdict)
    for rule in verdict["rules"]:
        of_checks = worst_of([Outcome(check["outcome"]) for check in rule["checks"]])
        if rule["outcome"] != of_checks:
            return f"{rule['id']} is {rule['outcome']}, but its checks say {of_checks}"
    return _named_twice(verdict) or _beside_its_p(verdict) or _beside_its_rules(verdict)


def _named_twice(verdict: Document) -> str:
    names = [rule["id"] for rule in verdict["rules"]]
    return next((f"the rule {name} occurs twice" for name in names if names.count(name) > 1), "")


def judged_later(verdict: Document, today: date) -> str:
    """Return that a verdict is of a day after today; empty if not. A day that cannot be read is left to others."""
    try:
        judged_on = date.fromisoformat(verdict["judged_on"])
    except ValueError:
        return ""
    return f"it was judged on {judged_on}, but today is {today} (UTC)" if judged_on > today else ""


def _beside_its_rules(verdict: Document) -> str:
    errors = [Outcome(rule["outcome"]) for rule in verdict["rules"] if rule["level"] == Level.ERROR]
    decided = overall(errors, verdict["expired_waivers"], verdict["policy"]["preset"])
    if verdict["outcome"] != decided:
        return f"the outcome is {verdict['outcome']}, but its rules say {decided}"
    if not verdict["summary"].startswith(f"{decided}:"):
        return f"the outcome is {decided}, but the summary says {verdict['summary']!r}"
    return ""


def _beside_its_p(verdict: Document) -> str:
    """A rule that fails without a p within its part of the error budget, or does not fail with one."""
    budget = verdict["policy"]["error_budget"]
    shares = holm_shares({one["id"]: one["p"] for one in verdict["rules"] if one["level"] == Level.ERROR}, budget)
    for rule in verdict["rules"]:
        name, p = rule["id"], rule["p"]
        share, fails = shares.get(name, (budget, p <= budget))
        if not math.isclose(rule["share"], share, rel_tol=CLOSE):
            return f"{name} was judged at {rule['share']}, but its part of the error budget is {share}"
        if fails != any(check["outcome"] in FAILING for check in rule["checks"]):
            side = "within" if fails else "above"
            return f"{name} is {rule['outcome']}, but its p of {p} is {side} its part of the error budget, {share}"
        if told := _beside_its_checks(rule, share if fails else 0.0):
            return told
    return ""


def _beside_its_checks(rule: Document, share: float) -> str:
    """A check whose p is not that of its outcome. Those that are inconclusive may not have been judged at all."""
    checks = [check for check in rule["checks"] if check["outcome"] != Outcome.INCONCLUSIVE]
    for check in checks:
        surely = min(1.0, check["p"] * len(rule["checks"]))
        if surely < rule["p"] * (1 - CLOSE):
            return f"{rule['id']} has a p of {rule['p']}, but one of its checks has {check['p']}"
        if check["outcome"] == Outcome.PASS and share > 0 and surely <= share:
            return f"a check of {rule['id']} is PASS, but its p of {check['p']} fails"
        if check["outcome"] in FAILING and check["p"] > share:
            return f"a check of {rule['id']} is {check['outcome']}, but its p of {check['p']} does not fail"
    return ""


def _measured_anyway(verdict: Document) -> str:
    """What a verdict says that was given without a result, as if there were one; empty if nothing."""
    outcome = Outcome.FAIL if verdict["expired_waivers"] else Outcome.INCONCLUSIVE
    if verdict["outcome"] != outcome or not verdict["summary"].startswith(f"{outcome}:"):
        said = f"{verdict['outcome']} and {verdict['summary']!r}"
        return f"nothing was measured, so the outcome is {outcome}, but it says {said}"
    checks = [check["outcome"] for rule in verdict["rules"] for check in rule["checks"]]
    decided = [one for one in (*(rule["outcome"] for rule in verdict["rules"]), *checks) if one != Outcome.INCONCLUSIVE]
    return f"nothing was measured, but a rule is {decided[0]}" if decided else ""
