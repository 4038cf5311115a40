"""Whether a result may become the baseline. Pure: it reads a verdict on the result, and writes nothing.

A baseline that anything may replace drifts: each result is a little worse than the one before. So a result takes its
place only where all other rules of level error pass, and where it passes the comparison with the baseline that it
replaces. Where that comparison cannot be made a person says why, and the file keeps the reason.
"""

from dataclasses import dataclass

from modicum.gate.policy import Level
from modicum.gate.verdict import Check, Outcome, Verdict


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a result may not become the baseline. With outcome PASS a person's reason is all that is missing."""

    outcome: Outcome
    text: str


def refusal(verdict: Verdict, *, reason: str, first: bool) -> Refusal | None:
    """Return why a verdict's result may not become the baseline; None where it may. The `first` one replaces none."""
    if verdict.expired:
        return Refusal(Outcome.FAIL, "a waiver has expired")
    decisive = [(one.rule.id, check) for one in verdict.rules if one.rule.level is Level.ERROR for check in one.checks]
    for outcome in (Outcome.FAIL, Outcome.INCONCLUSIVE):
        for name, check in decisive:
            if check.outcome is outcome and not _is_impossible(check):
                told = f": {check.reason}" if check.reason else ""
                return Refusal(outcome, f"{name} is {outcome}{told}")
    impossible = [check.reason for one in verdict.rules for check in one.checks if _is_impossible(check)]
    if not impossible or reason.strip():
        return None
    if first:
        return Refusal(
            Outcome.PASS,
            "there is no earlier baseline to compare with; say with --reason TEXT why this result is a good baseline",
        )
    return Refusal(
        Outcome.PASS,
        f"it cannot be compared with the baseline that it replaces: {impossible[0]}; say with --reason TEXT why it "
        "replaces that baseline",
    )


def _is_impossible(check: Check) -> bool:
    """Whether it is a comparison with the baseline that could not be made, or not of enough of its images."""
    lacking = check.lacks_images and check.outcome is Outcome.INCONCLUSIVE
    return check.against_baseline and (lacking or not check.judgeable)
