"""`modicum trail`: who did what in the project."""

import json
from itertools import islice
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, stdout
from modicum.cli.options import OUTPUT, option
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.client import Client
from modicum.resource_names import printable
from modicum.trail import TrailEntry

app = typer.Typer(
    cls=Group, no_args_is_help=True, help="Show and export the trail (audit log) of a project. Needs the role admin."
)


@command(app, "list")
def list_entries(
    *,
    only: Annotated[
        str,
        option(
            OUTPUT,
            "--filter",
            "TEXT",
            "List only matching entries. Fields: principal (the person or program), verb, resource and outcome; for "
            'example "principal = ci AND outcome = REFUSED".',
        ),
    ] = "",
    last: Annotated[int, option(OUTPUT, "--last", "N", "List at most N entries.", min=1)] = 50,
    as_json: options.Json = False,
) -> None:
    """List the last entries, the newest first."""
    with Client() as client:
        entries = list(islice(client.trail.list(only), last))
    if as_json:
        print_json(entries)
        return
    names = ("time (UTC)", "principal", "verb", "resource", "outcome", "from")
    rows = [tuple(map(printable, _row(entry))) for entry in entries]
    prose = {"principal", "resource", "outcome"}
    print_grid(stdout(), Grid(columns=[Column(name, prose=name in prose) for name in names], rows=rows))


@command(app)
def export(
    *,
    after: Annotated[
        int,
        option(
            OUTPUT,
            "--after",
            "N",
            ("Only entries after this sequence number, the last one of an earlier export."),
            min=0,
        ),
    ] = 0,
) -> None:
    """Print the entries as JSON lines, the oldest first, each with its hash. A new entry appears within seconds."""
    with Client() as client:
        for entry in client.trail.export(after=after):
            line = json.dumps(entry.as_json(), ensure_ascii=False)
            stdout().print(line, markup=False, highlight=False, soft_wrap=True)


def _row(entry: TrailEntry) -> tuple[str, ...]:
    count = f" ({entry.attempts} attempts)" if entry.attempts > 1 else ""
    outcome = f"{entry.outcome or 'of a later release'}{f': {entry.reason}' if entry.reason else ''}{count}"
    detail = f" ({entry.detail})" if entry.detail else ""
    resource = entry.resource.removeprefix(f"{entry.project}/")
    return (
        f"{entry.time:%Y-%m-%d %H:%M:%S}",
        entry.principal or "-",
        entry.verb,
        f"{resource}{detail}",
        outcome,
        entry.client_address or "-",
    )
