"""Filters of lists: the served part of AIP-160, which is `FIELD = VALUE` joined by AND."""

import re

from modicum_server.domain.audits import AuditState
from modicum_server.errors import FilterInvalid
from modicum_server.ports import AuditFilter
from modicum_server.usecases.rules import check, shown

FIELDS = ("state", "dataset", "model_version")
TERM = re.compile(r'\s*(\w+)\s*=\s*(?:"([^"]*)"|([^\s"=]+))\s*')


def audit_filter(text: str) -> AuditFilter:
    """Read a filter of audits; empty text filters nothing.

    Raises:
        FilterInvalid: the text is not such a filter.
        FieldInvalid: it is not plain text.
    """
    check("filter", text)
    found: dict[str, str] = {}
    for term in re.split(r"\sAND\s", text) if text.strip() else ():
        matched = TERM.fullmatch(term)
        if matched is None or matched[1] not in FIELDS or matched[1] in found:
            raise _invalid(term)
        found[matched[1]] = matched[2] or matched[3] or ""
    state = found.get("state")
    if state is not None and state not in AuditState.__members__:
        raise _invalid(f"state = {state}")
    return AuditFilter(
        state=None if state is None else AuditState[state],
        dataset=found.get("dataset", ""),
        model_version=found.get("model_version", ""),
    )


def _invalid(term: str) -> FilterInvalid:
    states = ", ".join(AuditState)
    return FilterInvalid(
        f"expected state, dataset or model_version, each once, as FIELD = VALUE joined by AND, states being {states}; "
        f"got {shown(term.strip())}"
    )
