"""The verdict where nothing was measured: every rule is inconclusive, and nothing passes."""

from datetime import date

from modicum.gate.excuses import expired_waivers
from modicum.gate.explanation import requirement
from modicum.gate.policy import Policy
from modicum.gate.verdict import Check, Outcome, RuleVerdict, Verdict


def unmeasured(policy: Policy, why: str, *, today: date) -> Verdict:
    """Return the verdict of a policy without a result; `why` says why there is none."""
    check = Check(model_version="", judgeable=False, reason=why)
    rules = tuple(
        RuleVerdict(
            rule=rule, requirement=requirement(rule), outcome=Outcome.INCONCLUSIVE, p=1.0, share=0.0, checks=(check,)
        )
        for rule in policy.rules
    )
    expired = expired_waivers(policy, today)
    return Verdict(
        outcome=Outcome.FAIL if expired else Outcome.INCONCLUSIVE,
        policy=policy,
        judged_on=today,
        result={"audit": "", "created": "", "unmeasured": why},
        rules=rules,
        expired=expired,
    )
