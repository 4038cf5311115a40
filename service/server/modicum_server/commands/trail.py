"""`modicum-server trail`: the operator exports all trails (audit logs), and the heads of their chains."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated

import typer

from modicum_server.command_parts import USAGE, Command, Group, end
from modicum_server.commands.database_option import Data, database_settings
from modicum_server.domain.trail import SERVER, hashed_fields
from modicum_server.ports import Store

PAGE = 1000

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Export the trail (audit log) of every project, and of the server. Only for the operator, because the command "
    "opens the server's database. A project's admin uses `modicum trail`.",
)


@app.command("export", cls=Command)
def export(
    project: Annotated[
        str, typer.Option(metavar="ID", help="Id of one project. Default: all projects, and the server's own trail.")
    ] = "",
    after: Annotated[
        int, typer.Option(metavar="N", min=0, help="With --project: only entries after this sequence number.")
    ] = 0,
    data: Data = None,
) -> None:
    """Print the trail as JSON lines: one project after another, each entry with its sequence number and hash.

    An entry appears as soon as it has its hash, within seconds.
    """
    if after and not project:
        end(USAGE, "--after: expected --project as well, because each project counts its own entries")

    async def write(store: Store) -> None:
        for chain in [f"projects/{project}"] if project else await _chains(store):
            await _write_chain(store, chain, after)

    _with_store(data, write)


@app.command("heads", cls=Command)
def heads(data: Data = None) -> None:
    """Print the head of each trail: its last sequence number and hash, as JSON lines.

    Keep the output on another machine. `modicum-server verify --heads` can then show whether a trail was changed.
    """

    async def write(store: Store) -> None:
        async with store.transaction() as transaction:
            for seal in await transaction.trail.heads():
                _line({"project": seal.project, "sequence": seal.sequence, "hash": seal.hash})

    _with_store(data, write)


async def _chains(store: Store) -> list[str]:
    async with store.transaction() as transaction:
        return [seal.project for seal in await transaction.trail.heads()] or [SERVER]


async def _write_chain(store: Store, project: str, after: int) -> None:
    while True:
        async with store.transaction() as transaction:
            links = await transaction.trail.links(project, after=after, limit=PAGE)
        for link in links:
            said = {} if link.entry is None else hashed_fields(link.entry)
            _line({**said, "project": project, "sequence": link.seal.sequence, "hash": link.seal.hash})
            after = link.seal.sequence
        if len(links) < PAGE:
            return


def _line(said: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(said, ensure_ascii=False) + "\n")


def _with_store(data: Path | None, work: Callable[[Store], Awaitable[None]]) -> None:
    from modicum_server.bootstrap import open_store

    settings = database_settings(data)

    async def run() -> None:
        async with open_store(settings.database_url.get_secret_value(), pooled=settings.pooled) as store:
            await store.require_schema()
            await work(store)

    asyncio.run(run())
