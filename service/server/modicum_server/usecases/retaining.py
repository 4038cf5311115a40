"""Lets go what projects no longer keep: findings and results of audits, and pictures of data sets.

Each goes in a transaction of its own, which also writes the trail. It only notes that the thing is deleted, so that
nothing needs its files any more; the collection then deletes these as it deletes all files. Rows of findings follow in
transactions of a bounded size. Whoever comes next carries on what was interrupted.
"""

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

from modicum.gate.counting import counted

from modicum_server.domain.retention import Kept, Past
from modicum_server.domain.trail import Verb
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.trail import THE_OPERATOR, record

TellPast = Callable[[Past], None]
"""Takes each thing that is past its time."""


class _OnlyLooked(Exception):
    """Undoes the transaction of a dry run."""


async def let_go(store: Store, *, dry_run: bool, page: int) -> AsyncGenerator[Past]:
    """Let go, or only look at, what is past its time; yield it, by project, kind and name."""
    async with store.transaction() as transaction:
        limited = await transaction.retention.limited()
    for project, _ in limited:
        for kind in Kept:
            after = ""
            while names := await _names(store, project, kind, after=after, limit=page):
                for name in names:
                    if (gone := await _let_go(store, project, kind, name, dry_run=dry_run)) is not None:
                        yield gone
                after = names[-1]
    while not dry_run and (audits := await _findings_left(store, limit=page)):
        for audit in audits:
            while await _delete_findings(store, audit, limit=page):
                pass


async def _names(store: Store, project: str, kind: Kept, *, after: str, limit: int) -> list[str]:
    async with store.transaction() as transaction:
        days = (await transaction.retention.get(project)).days(kind)
        return await transaction.retention.past(project, kind, days=days, after=after, limit=limit) if days else []


async def _let_go(store: Store, project: str, kind: Kept, name: str, *, dry_run: bool) -> Past | None:
    """Let go one thing, unless it is held, used or kept for longer by now."""
    async with _transaction(store, undone=dry_run) as transaction:
        await transaction.erasures.take_turn(project)  # a hold or an erasure that is asked for now waits
        days = (await transaction.retention.get(project)).days(kind)
        if not days or not await transaction.retention.is_past(project, kind, name, days=days):
            return None
        gone = await transaction.retention.let_go(project, kind, name, days=days)
        files = f"{counted(gone.files, 'file')} of {counted(gone.file_bytes, 'byte')}"
        detail = f"{kind.lower()}, kept for {counted(days, 'day')}: {files}"
        await record(transaction, THE_OPERATOR, Verb.APPLY_RETENTION, name, detail)
    return gone


async def _findings_left(store: Store, *, limit: int) -> list[str]:
    async with store.transaction() as transaction:
        return await transaction.retention.findings_left(limit=limit)


async def _delete_findings(store: Store, audit: str, *, limit: int) -> int:
    async with store.transaction() as transaction:
        return await transaction.retention.delete_findings(audit, limit=limit)


@asynccontextmanager
async def _transaction(store: Store, *, undone: bool) -> AsyncGenerator[Transaction]:
    """Begin a transaction, which is rolled back at its end if it is to be `undone`."""
    with suppress(_OnlyLooked):
        async with store.transaction() as transaction:
            yield transaction
            if undone:
                raise _OnlyLooked
