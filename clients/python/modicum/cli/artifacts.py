"""`modicum artifacts`: the bytes that a project holds, and what refers to them."""

from itertools import islice
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, stderr, stdout
from modicum.cli.options import OUTPUT, option
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.client import Client

MOST_LISTED = 100

app = typer.Typer(cls=Group, no_args_is_help=True, help="List the artifacts that a project holds: bytes by SHA-256.")


@command(app, "list")
def list_artifacts(
    *,
    digest: Annotated[
        str, option(OUTPUT, "--digest", "DIGEST", "List only the one with this SHA-256, or those that begin so.")
    ] = "",
    most: Annotated[int, option(OUTPUT, "--most", "N", "How many to list, at most.", min=1)] = MOST_LISTED,
    project: options.Project = "",
    as_json: options.Json = False,
) -> None:
    """List artifacts by digest, each with its size, its time, and at most 10 names of what refers to it."""
    with Client(project=project) as client:
        found = list(islice(client.artifacts.list(digest), most + 1))
    artifacts = found[:most]
    if len(found) > most:
        stderr().print(f"the first {most:,} are listed; --most N lists more", markup=False)
    if as_json:
        print_json(artifacts)
        return
    columns = [Column("artifact"), Column("bytes", number=True), Column("since"), Column("used by", prose=True)]
    rows = [
        (
            one.digest,
            f"{one.size_bytes:,}",
            f"{one.create_time:%Y-%m-%d %H:%M}",
            ", ".join(name.split("/", 2)[-1] for name in one.used_by) or "-",
        )
        for one in artifacts
    ]
    print_grid(stdout(), Grid(columns=columns, rows=rows))
