"""Filters of lists: the served part of AIP-160, which is `FIELD = VALUE` joined by AND."""

import re
from collections.abc import Callable, Sequence

from modicum_server.domain.audits import AuditState
from modicum_server.domain.trail import TrailOutcome
from modicum_server.domain.verdicts import OVERALL, VerdictOutcome
from modicum_server.errors import FilterInvalid
from modicum_server.ports import AuditFilter, TrailFilter, VerdictFilter
from modicum_server.usecases.rules import check, shown

TERM = re.compile(r'\s*(\w+)\s*=\s*(?:"([^"]*)"|([^\s"=]+))\s*')
Refused = Callable[[str], FilterInvalid]


def audit_filter(text: str) -> AuditFilter:
    """Read a filter of audits; empty text filters nothing.

    Raises:
        FilterInvalid: the text is not such a filter.
        FieldInvalid: it is not plain text.
    """
    refused = _refused("state, dataset or model_version", f"states: {', '.join(AuditState)}")
    found = _terms(text, ("state", "dataset", "model_version"), refused)
    state = found.get("state")
    if state is not None and state not in AuditState.__members__:
        raise refused(f"state = {state}")
    return AuditFilter(
        state=None if state is None else AuditState[state],
        dataset=found.get("dataset", ""),
        model_version=found.get("model_version", ""),
    )


def verdict_filter(text: str) -> VerdictFilter:
    """Read a filter of verdicts; empty text filters nothing.

    Raises:
        FilterInvalid: the text is not such a filter.
        FieldInvalid: it is not plain text.
    """
    refused = _refused("outcome, audit, model_version or policy_digest", f"outcomes: {', '.join(OVERALL)}")
    found = _terms(text, ("outcome", "audit", "model_version", "policy_digest"), refused)
    outcome = found.get("outcome")
    if outcome is not None and outcome not in OVERALL:
        raise refused(f"outcome = {outcome}")
    return VerdictFilter(
        outcome=None if outcome is None else VerdictOutcome[outcome],
        audit=found.get("audit", ""),
        model_version=found.get("model_version", ""),
        policy_digest=found.get("policy_digest", ""),
    )


def trail_filter(text: str) -> TrailFilter:
    """Read a filter of the entries of a trail; empty text filters nothing.

    Raises:
        FilterInvalid: the text is not such a filter.
        FieldInvalid: it is not plain text.
    """
    refused = _refused("principal, verb, resource or outcome", f"outcomes: {', '.join(TrailOutcome)}")
    found = _terms(text, ("principal", "verb", "resource", "outcome"), refused)
    outcome = found.get("outcome")
    if outcome is not None and outcome not in TrailOutcome.__members__:
        raise refused(f"outcome = {outcome}")
    return TrailFilter(
        principal=found.get("principal", ""),
        verb=found.get("verb", ""),
        resource=found.get("resource", ""),
        outcome=None if outcome is None else TrailOutcome[outcome],
    )


def _terms(text: str, fields: Sequence[str], refused: Refused) -> dict[str, str]:
    check("filter", text)
    found: dict[str, str] = {}
    for term in re.split(r"\sAND\s", text) if text.strip() else ():
        matched = TERM.fullmatch(term)
        if matched is None or matched[1] not in fields or matched[1] in found:
            raise refused(term)
        found[matched[1]] = matched[2] or matched[3] or ""
    return found


def _refused(fields: str, values: str) -> Refused:
    return lambda term: FilterInvalid(
        f"expected FIELD = VALUE, joined by AND, with each field at most once; fields: {fields}; {values}; got "
        f"{shown(term.strip())}"
    )
