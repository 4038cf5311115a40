"""Whether there is room for another audit: the limits on audits that have not ended."""

from modicum_server.domain.audits import Audit, Unended
from modicum_server.domain.projects import Principal
from modicum_server.errors import AuditTooLarge
from modicum_server.ports import Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.limit_errors import TooManyPasses, TooManyQueued

REQUESTS_AT_ONCE = 1000
"""All API processes together never have more transactions of one project under way."""
ROOMY = 0.9
"""While less than this share of each limit is used, requests need not wait for each other: together they fit into the
rest, each with a thousandth of it."""


class RoomIsNarrow(Exception):
    """Requests that are under way might together pass a limit, so this one has to be alone."""


async def require_room(
    transaction: Transaction, principal: Principal, project: str, audit: Audit, settings: Settings, *, alone: bool
) -> None:
    """Check the limits on audits of the project, and of its principal there and in all projects of the token.

    Raises:
        TooManyQueued, TooManyPasses, AuditTooLarge
        RoomIsNarrow: not alone, it might pass a limit together with others.
    """
    await transaction.audits.queue_in_turn(project, alone=alone)
    if across := len(principal.roles) > 1:  # after the project, so that nobody waits in a circle
        await transaction.audits.queue_in_turn("\n".join(principal.share), alone=alone)
    held, asked = await transaction.audits.unended(project, audit.principal), audit.progress.passes_planned
    queued_across = await transaction.audits.queued_by(principal.name, principal.roles) if across else 0
    counts = (
        (held.queued, 1, settings.max_queued_audits),
        (held.queued_by_principal, 1, settings.max_queued_audits_per_principal),
        (queued_across, 1, settings.max_queued_audits_across_projects),
        (held.passes, asked, settings.max_project_passes),
        (held.passes_by_principal, asked, settings.max_passes_per_principal),
    )
    if not alone and any(map(_is_narrow, counts)):
        raise RoomIsNarrow
    _require_place(project, audit.principal, held, settings)
    _require_place_across(principal, queued_across, settings.max_queued_audits_across_projects)
    _require_passes(project, held.passes, asked, settings.max_project_passes)
    whose = f"{audit.principal} in {project}"
    _require_passes(whose, held.passes_by_principal, asked, settings.max_passes_per_principal)


def _is_narrow(count: tuple[int, int, int]) -> bool:
    """Return whether (held, asked, most) needs requests to wait for each other."""
    held, asked, most = count
    return held > ROOMY * most or asked * REQUESTS_AT_ONCE > (1 - ROOMY) * most


def _require_place(project: str, principal: str, held: Unended, settings: Settings) -> None:
    if held.queued >= settings.max_queued_audits:
        raise TooManyQueued(
            f"{project} has {held.queued:,} queued audits, the most that this server allows; wait until some have "
            "started"
        )
    if held.queued_by_principal >= settings.max_queued_audits_per_principal:
        raise TooManyQueued(
            f"{principal} has {held.queued_by_principal:,} queued audits in {project}, the most that this server "
            "allows a principal; wait until some have started"
        )


def _require_place_across(principal: Principal, queued: int, most: int) -> None:
    if queued >= most:
        raise TooManyQueued(
            f"{principal.name} has {queued:,} queued audits in the {len(principal.roles):,} projects of its token, the "
            "most that this server allows a principal across projects; wait until some have started"
        )


def _require_passes(whose: str, held: int, asked: int, most: int) -> None:
    if asked > most:
        raise AuditTooLarge(
            f"the audit needs {asked:,} passes, but all audits of {whose} together may have {most:,} waiting. Audit a "
            "sample, or run fewer searches and controls",
            passes=str(asked),
            most=str(most),
        )
    if held + asked > most:
        raise TooManyPasses(
            f"the audit needs {asked:,} passes. Of the {most:,} that audits of {whose} may have waiting, {held:,} are "
            "taken. Wait until an audit ends, or lower the budget"
        )
