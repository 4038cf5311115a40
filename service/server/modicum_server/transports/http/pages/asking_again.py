"""The form of a new audit, filled in as another audit was asked for, and with what the policy of a verdict needs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from modicum.errors import PolicyError
from modicum.gate.asked_audit import searches_of, usual_search
from modicum.gate.counting import counted
from modicum.gate.policy import Policy
from modicum.gate.policy_file import policy_of

from modicum_server.domain.audits import Audit, AuditSpecification
from modicum_server.domain.controls import EXTRA
from modicum_server.domain.verdicts import Verdict
from modicum_server.errors import ModicumError
from modicum_server.transports.http.pages.audit_form import LABELS, AuditForm
from modicum_server.transports.http.pages.repeating import beyond_form
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.controls import default_controls

SPARE: Final = 1.1
"""Images are asked for with a tenth to spare, because another sample may have fewer eligible ones."""
CALLED: Final = "The policy"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What an audit had: images that it drew, those that gave a result, the eligible ones, and all of its data set."""

    drawn: int
    images: int
    eligible_images: int
    stored: int


@dataclass(frozen=True, slots=True)
class Repeated:
    """A form that was filled in as an audit was asked for.

    Attributes:
        audit: its name.
        form: the fields.
        changes: what differs from that audit because a policy needs it, in words.
        short: why this data set cannot give what the policy needs; empty if it may.
        beyond: what the audit had and the form has no field for, in words.
    """

    audit: str
    form: AuditForm
    changes: tuple[str, ...] = ()
    short: str = ""
    beyond: tuple[str, ...] = ()


async def repeated(visit: Visit) -> Repeated | None:
    """Return the form for the audit that the address names as `like`, or for that of its `verdict`; None without one.

    One that the visitor cannot see counts as none.
    """
    able = visit.use_cases
    try:
        verdict = await able.verdicts.get(visit.principal, visit.query("verdict")) if visit.query("verdict") else None
        audit = await able.audits.get(visit.principal, verdict.audit if verdict else visit.query("like"))
    except ModicumError:
        return None
    if not audit.name.startswith(f"{visit.project}/"):
        return None
    specification = audit.specification
    beyond = beyond_form(specification, await able.audits.usual_canvas(audit))
    again = Repeated(audit.name, form_like(specification), beyond=beyond)
    policy = await _policy_of(visit, verdict) if verdict else None
    if verdict is None or policy is None:
        return again
    return with_needs(again, policy, await _evidence(visit, audit, verdict))


def form_like(asked: AuditSpecification) -> AuditForm:
    """Return the fields that ask for an audit again, as far as the form has them. The name is left empty."""
    first, beside = asked.searches[0], asked.model_versions[1:]
    usual = asked.controls == default_controls(len(asked.model_versions), asked.canvas)
    return AuditForm(
        model=asked.model_versions[0],
        dataset=asked.dataset,
        threshold=f"{first.threshold:.15g}",
        passes=_typed(first.passes),
        sample=_typed(asked.sample),
        fill=first.fill.value,
        seed=str(asked.seed),
        counterfactual=asked.counterfactual_dataset,
        beside=beside,
        controls=None if usual else tuple(plan.control.value for plan in asked.controls if plan.control not in EXTRA),
    )


def with_needs(again: Repeated, policy: Policy, evidence: Evidence | None) -> Repeated:
    """Return the form with what a policy asks for and requires; images only where the evidence is known."""
    fields = dict(_asked_by(policy))
    if policy.least_passes > int(again.form.passes or 0):
        fields["passes"] = str(policy.least_passes)
    short = ""
    if evidence is not None and "sample" not in policy.audit:
        needed = _needed_images(policy, evidence)
        if needed >= evidence.stored:
            fields["sample"], short = "", _short(policy, evidence)
        elif needed:
            fields["sample"] = str(max(needed, evidence.drawn))
    changed: dict[str, Any] = {name: value for name, value in fields.items() if value != getattr(again.form, name)}
    words = (_change(name, value, getattr(again.form, name)) for name, value in changed.items())
    return replace(again, form=replace(again.form, **changed), changes=tuple(words), short=short)


def _asked_by(policy: Policy) -> Iterator[tuple[str, str]]:
    """Yield the fields that the policy sets by its `audit`, but for passes, which may be more."""
    search = searches_of(policy.audit)[usual_search(policy.audit) or 0]
    yield from ((name, str(search[name])) for name in ("threshold", "fill") if name in search)
    if "seed" in policy.audit:
        yield "seed", str(policy.audit["seed"])
    if "sample" in policy.audit:
        yield "sample", _typed(policy.audit["sample"])


def _needed_images(policy: Policy, evidence: Evidence) -> int:
    """Return how many images a sample needs; 0 where the audit had enough, all that are stored where it had none."""
    needed = 0
    for name in ("images", "eligible_images"):
        least, has = policy.require.get(name, 0), getattr(evidence, name)
        if has < least:
            needed = max(needed, math.ceil(SPARE * evidence.drawn * least / has) if has else evidence.stored)
    return needed


def _short(policy: Policy, evidence: Evidence) -> str:
    """Return why all images of the data set will not do; empty if the audit left some out."""
    if evidence.drawn < evidence.stored:
        return ""
    eligible = policy.require.get("eligible_images", 0)
    if evidence.eligible_images < eligible:
        least, has = (
            f"{eligible:,} eligible images",
            f"{counted(evidence.eligible_images, 'image')} of it were eligible",
        )
    else:
        least, has = f"{policy.require['images']:,} images", f"{counted(evidence.images, 'image')} of it gave a result"
    return f"The policy requires {least}, but only {has}. Choose a larger data set."


def _change(name: str, new: str, old: str) -> str:
    return f"{LABELS[name]}: {new or 'all'} instead of {old or ('all' if name == 'sample' else 'none')}"


def _typed(number: int) -> str:
    """Return a number as it is typed into a field whose empty text stands for 0."""
    return str(number) if number else ""


async def _policy_of(visit: Visit, verdict: Verdict) -> Policy | None:
    """Return the policy of a verdict; None where its text is gone or no longer a policy."""
    text = await visit.use_cases.verdicts.policy_text(visit.principal, verdict)
    try:
        return await visit.use_cases.policy_threads.run(
            visit.principal, partial(policy_of, text, CALLED, today=datetime.now(UTC).date())
        )
    except PolicyError:
        return None


async def _evidence(visit: Visit, audit: Audit, verdict: Verdict) -> Evidence | None:
    """Return what the audit had of the judged version with the fewest eligible images; None if that is not known."""
    facts = await visit.use_cases.overviews.facts(audit)
    judged = [facts[name] for name in verdict.model_versions if name in facts]
    try:
        dataset = await visit.use_cases.datasets.get(visit.principal, audit.specification.dataset)
    except ModicumError:
        return None
    if not judged:
        return None
    return Evidence(
        drawn=audit.item_count,
        images=min(audit.item_count - len(one.failures) for one in judged),
        eligible_images=min(one.eligible_images for one in judged),
        stored=dataset.item_count,
    )
