"""`modicum artifacts`: the bytes that a project holds, what refers to them, and the bytes themselves."""

from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, print_text, printing, stderr, stdout
from modicum.cli.options import OUTPUT, option
from modicum.cli.outputs import check_place
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.client import Client
from modicum.replaced_files import refusing_writes

MOST_LISTED = 100

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="List, store and fetch the artifacts of a project: its stored files, named by their SHA-256.",
)


@command(app, "list")
def list_artifacts(
    *,
    digest: Annotated[
        str, option(OUTPUT, "--digest", "DIGEST", "List only artifacts whose SHA-256 begins with these digits.")
    ] = "",
    most: Annotated[int, option(OUTPUT, "--most", "N", "List at most N artifacts.", min=1)] = MOST_LISTED,
    as_json: options.Json = False,
) -> None:
    """List artifacts by digest, each with its size, its creation time, and up to 10 resources that refer to it."""
    with Client() as client:
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


@command(app, "upload")
def upload_artifacts(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files to store, each under its SHA-256.")],
) -> None:
    """Store files. If the stored copy of a file is damaged or missing (ARTIFACT_CORRUPT), it is replaced."""
    with Client() as client:
        for file in files:
            digest = client.artifacts.upload(file)
            with printing():
                print_text(stdout(), f"{digest}  {file}")


@command(app, "download")
def download_artifact(
    digest: Annotated[
        str,
        typer.Argument(metavar="DIGEST", help="SHA-256 of the artifact, from `modicum artifacts list` or a result."),
    ],
    *,
    output: Annotated[Path, option(OUTPUT, "--output", "FILE", "Write the bytes to this file.", short="-o")],
) -> None:
    """Write an artifact to a file.

    For `judge --findings`, download the artifact whose digest is `findings.digest` in the result.
    """
    check_place(output)
    with Client() as client, refusing_writes(output):
        client.artifacts.download(digest, output)
    with printing():
        print_text(stdout(), f"wrote {output}")
