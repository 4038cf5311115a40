"""`modicum-server collect`: deletes what projects no longer keep and what nothing refers to, or says what that is."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from modicum.gate.counting import counted

from modicum_server.command_parts import USAGE, end, say
from modicum_server.commands.amount_options import duration_of
from modicum_server.commands.database_option import Data, store_settings
from modicum_server.settings import Settings

if TYPE_CHECKING:
    from modicum_server.domain.collections import Collection, Unreferred
    from modicum_server.domain.retention import Past
    from modicum_server.usecases.collecting import Wanted

#: Who uploads refers to it within minutes. Less would take what is on its way.
SHORTEST_GRACE = timedelta(hours=1)
ROW = "{:<10}  {:<64}  {:>15}  {}"


def collect(
    grace: Annotated[
        str, typer.Option(metavar="TIME", help="Keep what was uploaded or used within this time.")
    ] = "30d",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", metavar="", help="Delete nothing; print what would be deleted.")
    ] = False,
    orphans: Annotated[
        bool,
        typer.Option(
            "--orphans",
            metavar="",
            help="Also delete the files that `modicum-server verify` calls ORPHANED: the database has no entry for "
            "them. After you restored the database to an earlier moment, these include all files that were stored "
            "after that moment. Then give this only if you do not need them.",
        ),
    ] = False,
    data: Data = None,
) -> None:
    """Delete what projects no longer keep, and stored files that nothing uses any more. Safe while the server runs.

    First, the command deletes findings, results and images that are older than the retention of their project allows.
    Then it deletes what has been unused for the time in --grace. These are artifacts (stored files) that nothing in a
    project uses, and old ids of requests, by which the server recognises a repeated request. It prints what it
    deletes. While a backup runs, it deletes nothing and ends with 3.
    """
    from modicum_server.usecases.collecting import Wanted

    seconds = duration_of("--grace", grace).total_seconds()
    if seconds < SHORTEST_GRACE.total_seconds():
        end(USAGE, f"--grace: expected at least 1h, because an upload may be used only later; got {grace!r}")
    wanted = Wanted(grace_seconds=seconds, dry_run=dry_run, orphans=orphans)
    say(_summary(asyncio.run(_run(store_settings(data), wanted))))


async def _run(settings: Settings, wanted: "Wanted") -> "Collection":
    from modicum_server.artifacts.store import open_artifact_store
    from modicum_server.bootstrap import open_store, refuse_mixed_stores
    from modicum_server.usecases.collecting import collect as collected

    async with open_store(settings.database_url.get_secret_value(), pooled=settings.pooled) as store:
        await store.require_schema()
        artifacts = open_artifact_store(settings.artifacts_url)
        await refuse_mixed_stores(store, artifacts, settings)
        say(ROW.format("KIND", "WHAT", "BYTES", "HELD BY"))
        return await collected(store, artifacts, wanted, _tell, tell_past=_tell_past)


def _tell(one: "Unreferred") -> None:
    kind, size = ("ARTIFACT", f"{one.size_bytes:,}") if one.project else ("ORPHAN", "-")
    say(ROW.format(kind, one.digest, size, one.project or "-"))


def _tell_past(past: "Past") -> None:
    files = counted(past.files, "file that nothing else needs", "files that nothing else needs")
    say(ROW.format(past.kind, files, f"{past.file_bytes:,}", past.name))


def _summary(done: "Collection") -> str:
    from modicum_server.usecases.operator_trail import unneeded_in_words

    what = f"{_past(done)}{unneeded_in_words(done)}"
    return f"nothing was deleted; would be deleted: {what}" if done.dry_run else f"deleted: {what}"


def _past(done: "Collection") -> str:
    """What retention no longer keeps; empty for nothing."""
    if not (done.past_findings or done.past_reports or done.past_images):
        return ""
    findings, reports = (counted(number, "audit") for number in (done.past_findings, done.past_reports))
    return f"findings of {findings}, results of {reports}, images of {counted(done.past_images, 'data set')}, "
