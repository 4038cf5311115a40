"""`modicum-server backup` and `modicum-server restore`: one copy of database and artifacts, and its way back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated

import typer
from pydantic import SecretStr

from modicum_server.command_parts import NOT_COMPLETED, USAGE, end, say, settings_with
from modicum_server.commands.amount_options import Rate, rate_of
from modicum_server.commands.database_option import USERS_FOLDER, Data, store_settings
from modicum_server.settings import Settings
from modicum_server.usecases.verifying import State, Throttle, verify

if TYPE_CHECKING:
    from modicum.cli.progress import View

    from modicum_server.domain.backups import Backup
    from modicum_server.usecases.backing_up import Show

#: Exit code: done, but artifacts are lost.
INCOMPLETE = 1
MEBIBYTE = 1024 * 1024
LOST = (State.MISSING, State.CORRUPT, State.UNREADABLE)

NewFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="A new folder, for the backup.")]
OldFolder = Annotated[Path, typer.Argument(metavar="FOLDER", help="The folder of a finished backup.")]
Digest = Annotated[
    str,
    typer.Option(
        metavar="SHA256", help=("Refuse a backup whose SHA-256 differs from this one, which `backup` printed.")
    ),
]
EmptyData = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help=(
            "Restore into this new folder, for `modicum-server up`. Without --data, the command restores into the "
            "database in MODICUM_DATABASE_URL and the store in MODICUM_ARTIFACTS_URL. If MODICUM_DATABASE_URL is not "
            f"set, it restores into the folder in MODICUM_DATA, or else into {USERS_FOLDER}."
        ),
    ),
]


def backup(folder: NewFolder, rate: Rate = "", data: Data = None) -> None:
    """Copy the database and all artifacts to a new folder, as they are at one moment. Safe while the server runs.

    Prints the backup's SHA-256. If it was interrupted, run it again with the same folder. Ends with 1 if artifacts are
    missing or damaged: it names them, and backs up everything else.
    """
    throttle = Throttle(rate_of(rate), monotonic, asyncio.sleep)
    if asyncio.run(_back_up(folder, store_settings(data), throttle)):
        raise SystemExit(INCOMPLETE)


def restore(folder: OldFolder, digest: Digest = "", rate: Rate = "", data: EmptyData = None) -> None:
    """Fill an empty database and an empty artifact store from a backup, and verify both.

    First stop every server that uses this database or store. If the command was interrupted, run it again. Ends with 1
    if artifacts were missing or damaged already when the backup was made, or if the trail has flaws: it prints them.
    """
    throttle = Throttle(rate_of(rate), monotonic, asyncio.sleep)
    if asyncio.run(_restore(folder, digest, throttle, data)):
        raise SystemExit(INCOMPLETE)


async def _back_up(folder: Path, settings: Settings, throttle: Throttle) -> int:
    """Make the backup and print it; return how many artifacts are damaged."""
    from modicum.cli.progress import view

    from modicum_server.artifacts.store import open_artifact_store
    from modicum_server.backups.folder import make_place
    from modicum_server.bootstrap import open_backup, open_copies, open_store, refuse_mixed_stores
    from modicum_server.usecases.backing_up import back_up
    from modicum_server.usecases.operator_trail import note_backup

    settings = settings.past_pooler  # the copy needs a session of its own, and must be of what was checked
    url = settings.database_url.get_secret_value()
    artifacts = open_artifact_store(settings.artifacts_url)
    async with open_store(url) as store:
        await store.require_schema()
        await refuse_mixed_stores(store, artifacts, settings)
    make_place(folder)
    with view(quiet=False) as shown:
        async with open_copies(url) as copies:
            to = open_backup(folder)
            release, show = version("modicum-server"), _show(shown)
            made, digest = await back_up(copies, artifacts, to, release=release, throttle=throttle, show=show)
    async with open_store(url) as store:
        await note_backup(store, made, digest)
    _say(folder, made)
    say(f"SHA-256 {digest}")
    return len(made.damaged)


async def _restore(folder: Path, digest: str, throttle: Throttle, data: Path | None) -> int:
    """Restore a backup and verify the new store; return how many artifacts are not whole."""
    from modicum.cli.progress import view

    from modicum_server.artifacts.store import open_artifact_store
    from modicum_server.backups.folder import read_manifest
    from modicum_server.bootstrap import open_backup, open_copies
    from modicum_server.store.migrate import migrate
    from modicum_server.usecases.restoring import restore as fill

    made, found = read_manifest(folder)
    if digest and digest != found:
        end(NOT_COMPLETED, f"{folder}: expected a backup with the SHA-256 {digest}, got {found}; name another folder")
    _say(folder, made)
    with view(quiet=False) as shown:
        async with _empty_place(data) as settings:
            artifacts = open_artifact_store(settings.artifacts_url)
            service_url = settings.database_url.get_secret_value()
            async with open_copies(settings.migration_url) as copies:
                await fill(open_backup(folder), made, copies, artifacts, throttle=throttle, show=_show(shown))
            await asyncio.to_thread(
                migrate, settings.migration_url, service_url=service_url
            )  # rights for the role that serves
            return await _verify(settings, made, found, shown)


async def _verify(settings: Settings, made: "Backup", digest: str, shown: "View") -> int:
    """Give the restored store its id, read all of it, and print what is not whole; return how much that is.

    The trail is checked as of the moment of the backup, before the restore is its next entry.
    """
    from modicum_server.artifacts.store import open_artifact_store
    from modicum_server.bootstrap import open_store
    from modicum_server.commands.trail_checks import trail_has_flaws
    from modicum_server.usecases.operator_trail import note_restore
    from modicum_server.usecases.store_identity import give_new_id

    artifacts = open_artifact_store(settings.artifacts_url)
    lost, done, count = [], 0, made.artifacts.count
    async with open_store(settings.database_url.get_secret_value(), pooled=settings.pooled) as store:
        await give_new_id(store, artifacts)
        flawed = await trail_has_flaws(store, now=made.create_time)
        await note_restore(store, made, digest)
        async with aclosing(verify(store, artifacts)) as checks:
            async for one in checks:
                done += 1
                shown.show("verifying", min(1.0, done / max(count, 1)), f"{done:,} of {count:,} artifacts")
                lost += [one] if one.state in LOST else []
    for one in lost:
        shown.say(f"{one.state:<10}  {one.digest}")
    say(f"restored and verified: {done:,} artifacts, {len(lost):,} missing or damaged")
    return len(lost) + flawed


@asynccontextmanager
async def _empty_place(data: Path | None) -> AsyncIterator[Settings]:
    """Yield settings with an empty database and an empty artifact store: those that are set, or of a data folder."""
    from modicum_server.local.folder import default_folder
    from modicum_server.local.supervisor import StartFailed

    given = settings_with()
    if given.database_url.get_secret_value() and data is None:
        if not given.artifacts_url:
            end(USAGE, "not set: MODICUM_ARTIFACTS_URL (an empty folder or fsspec URL)")
        yield given
        return
    from modicum_server.local.empty_server import empty_server

    path = data or default_folder()
    try:
        async with empty_server(path) as urls:
            place = {
                "database_url": SecretStr(urls.service),
                "owner_database_url": SecretStr(urls.owner),
                "database_listen_url": SecretStr(""),
                "artifacts_url": str(path.absolute() / "artifacts"),
            }
            yield given.model_copy(update=place)
    except StartFailed as error:
        end(NOT_COMPLETED, str(error))


def _show(shown: "View") -> "Show":
    def show(step: str, done: int, total: int) -> None:
        said = f"{done} of {total}"
        if step == "artifacts":
            said = f"{done / MEBIBYTE:,.1f} of {total / MEBIBYTE:,.1f} MiB"
        shown.show(step, done / total if total else 1.0, said)

    return show


def _say(folder: Path, made: "Backup") -> None:
    """Print what a backup is of, and what is damaged in it."""
    for one in made.damaged:
        say(f"{one.state:<10}  {one.digest}")
    rows, held = sum(table.rows for table in made.tables), made.artifacts
    say(f"{folder}: as of {made.create_time:%Y-%m-%d %H:%M:%S %Z}, release {made.release}, schema {made.schema}")
    say(
        f"{rows:,} rows, {held.count:,} artifacts ({held.total_bytes / MEBIBYTE:,.1f} MiB), "
        f"{len(made.damaged):,} of them missing or damaged"
    )
