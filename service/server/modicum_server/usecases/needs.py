"""What needs a person, over a whole project: the newest first, a page at a time, and how much there is in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from modicum_server.domain.audits import Audit
from modicum_server.domain.models import VersionState
from modicum_server.domain.needs import PossibleNeed
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.ports import Keyed, Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.model_lines import NEED_A_VERDICT, OLDER_READ, ModelLine, ModelLines, stored_lines
from modicum_server.usecases.pages import NUMBERS, PageRequest, read_page
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.result_facts import VersionFacts
from modicum_server.usecases.standing_verdicts import later_line
from modicum_server.usecases.verdict_lines import found_line

FAILED_DAYS = 14
"""For how long an audit that failed needs a person, unless a newer one of the same models succeeds."""
MOST_COUNTED = 1_000
"""Models, and audits that failed, that are counted."""
MOST_SETTLED = 50
"""Models whose results are read to know whether they need a person. Others count until they are shown."""


class Need(StrEnum):
    """Why something needs a person."""

    VERSION_REJECTED = "VERSION_REJECTED"
    VERDICT_FAILS = "VERDICT_FAILS"
    FAIL_STANDS = "FAIL_STANDS"
    VERDICT_OPEN = "VERDICT_OPEN"
    FOUND = "FOUND"
    FOUND_BEFORE = "FOUND_BEFORE"
    AUDIT_FAILED = "AUDIT_FAILED"


@dataclass(frozen=True, slots=True)
class Needed:
    """Something that needs a person: what, by resource name, whose it is (a model or an audit), what is known of it."""

    need: Need
    name: str
    of: str
    detail: str


@dataclass(frozen=True, slots=True)
class NeededPage:
    """Some of what needs a person, the newest first.

    `shown` models and audits are on the page, of `count` in all; one model may have several rows. `next_token` is empty
    on the last page.
    """

    rows: Sequence[Needed]
    shown: int
    count: int
    next_token: str = ""

    @property
    def is_count_bounded(self) -> bool:
        """Whether there may be more than were counted."""
        return self.count >= MOST_COUNTED


class Needs:
    """Reads what needs a person."""

    def __init__(self, store: Store, lines: ModelLines) -> None:
        self._store = store
        self._lines = lines

    async def page(self, principal: Principal, project: str, request: PageRequest) -> NeededPage:
        """Return a page of what needs a person in a project.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", project), Role.VIEWER)
        async with self._store.transaction() as transaction:
            possible = await _possible(transaction, project)
        unsure = [one.of for one in possible if not one.is_certain][:MOST_SETTLED]
        settled = await self._of_models(project, unsure)
        needed = [one for one in possible if settled.get(one.of, [one])]

        async def after(*, after: str, limit: int) -> list[Keyed[str]]:
            begin = int(after or 0)
            return [(str(begin + place), one.of) for place, one in enumerate(needed[begin : begin + limit], 1)]

        page = await read_page(request, f"needs of {project}", after, keys=NUMBERS)
        found = await self._of_models(project, page.rows) | await self._of_audits(page.rows)
        rows = [row for name in page.rows for row in found.get(name, ())]
        return NeededPage(rows, len(page.rows), len(needed), page.next_token)

    async def _of_models(self, project: str, names: Sequence[str]) -> dict[str, list[Needed]]:
        """Return why each of these models needs a person; nothing of one that needs none. Other names are left out."""
        if not names:
            return {}
        async with self._store.transaction() as transaction:
            models = await transaction.models.named(names)
            stored = await stored_lines(transaction, project, list(models.values()))
        return {line.model.name: _of_line(line) for line in await self._lines.with_findings(stored)}

    async def _of_audits(self, names: Sequence[str]) -> dict[str, list[Needed]]:
        async with self._store.transaction() as transaction:
            failed = await transaction.needs.audits(names)
        return {audit.name: [_failed(audit)] for audit in failed}


async def _possible(transaction: Transaction, project: str) -> list[PossibleNeed]:
    models = await transaction.needs.models(
        project, found=NEED_A_VERDICT, looked_through=1 + OLDER_READ, limit=MOST_COUNTED
    )
    since = datetime.now(UTC) - timedelta(days=FAILED_DAYS)
    failed = await transaction.needs.failed(project, since=since, limit=MOST_COUNTED)
    return sorted([*models, *failed], key=lambda one: one.time, reverse=True)


def _of_line(line: ModelLine) -> list[Needed]:
    needed = []
    if line.version is not None and line.version.state is VersionState.REJECTED:
        detail = f"{line.version.reject_reason}: {line.version.reject_detail}"
        needed.append(Needed(Need.VERSION_REJECTED, line.version.name, line.model.name, detail))
    if line.verdict is not None and line.verdict.outcome is VerdictOutcome.FAIL:
        needed.append(Needed(Need.VERDICT_FAILS, line.verdict.name, line.model.name, found_line(line.verdict)))
    if line.stands is not None:
        detail = "; ".join(filter(None, (found_line(line.stands.verdict), later_line(line.stands))))
        needed.append(Needed(Need.FAIL_STANDS, line.stands.verdict.name, line.model.name, detail))
    elif line.verdict is not None and line.verdict.outcome is VerdictOutcome.INCONCLUSIVE:
        needed.append(Needed(Need.VERDICT_OPEN, line.verdict.name, line.model.name, found_line(line.verdict)))
    if line.audit and line.found and line.found.outcome in NEED_A_VERDICT and line.is_unjudged:
        needed.append(Needed(Need.FOUND, line.audit.name, line.model.name, _finding(line.found)))
    if line.unjudged is not None:
        needed.append(
            Needed(Need.FOUND_BEFORE, line.unjudged.audit.name, line.model.name, _finding(line.unjudged.found))
        )
    return needed


def _finding(found: VersionFacts) -> str:
    return f"{found.outcome}: {found.headline}"


def _failed(audit: Audit) -> Needed:
    detail = "" if audit.failure is None else f"{audit.failure.reason}: {audit.failure.detail}"
    return Needed(Need.AUDIT_FAILED, audit.name, audit.name, detail)
