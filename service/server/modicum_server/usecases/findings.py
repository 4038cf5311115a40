"""Findings of an audit. An audit that reuses an earlier result has the findings of the earlier audit."""

from dataclasses import dataclass
from functools import partial

from modicum_server.domain.audits import Audit
from modicum_server.domain.findings import Finding
from modicum_server.domain.projects import Principal, Role
from modicum_server.errors import FindingNotFound
from modicum_server.ports import Store
from modicum_server.usecases.access import authorise
from modicum_server.usecases.audits import require_audit
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.resource_names import parent_of, project_of
from modicum_server.usecases.retained import require_findings

FIXED_BYTES = 1024
POINT_BYTES = 12


@dataclass(frozen=True, slots=True)
class NamedFinding:
    """A finding and its resource name."""

    name: str
    finding: Finding


class Findings:
    """Reads findings."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, principal: Principal, name: str) -> NamedFinding:
        """Get a finding.

        Raises:
            FieldInvalid, ProjectNotFound, FindingNotFound, RetentionPassed
        """
        authorise(principal, project_of("finding", name), Role.VIEWER)
        audit_name, place = parent_of(name), name.rsplit("/", 1)[-1]
        async with self._store.transaction() as transaction:
            audit = await transaction.audits.get(audit_name)
            if audit is not None:
                require_findings(audit)
            owner = audit_name if audit is None else _owner(audit)
            finding = await transaction.findings.get(f"{owner}/findings/{place}")
        if finding is None:
            raise FindingNotFound(f"{name}: there is no finding with this name", name=name)
        return NamedFinding(name, finding)

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[NamedFinding]:
        """List the findings of an audit by version, search and position, also while it runs.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound, PageTokenInvalid, RetentionPassed
        """
        authorise(principal, project_of("audit", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            audit = await require_audit(transaction, parent)
            require_findings(audit)
            page = await read_page(
                request,
                f"findings of {parent}",
                partial(transaction.findings.page, _owner(audit)),
                weigh=_weight,
            )
        return Page(tuple(_named(audit, finding) for finding in page.rows), page.next_token)


def _owner(audit: Audit) -> str:
    return audit.reused_from or audit.name


def _weight(finding: Finding) -> int:
    points = len(finding.trace.kept) if finding.trace else 0
    return FIXED_BYTES + (len(finding.subset.mask) if finding.subset else 0) + POINT_BYTES * points


def _named(audit: Audit, finding: Finding) -> NamedFinding:
    version = audit.specification.model_versions.index(finding.model_version)
    return NamedFinding(f"{audit.name}/findings/{version}-{finding.search_index}-{finding.position}", finding)
