"""`modicum erase` and `modicum erasures`: a picture goes with all that came from it, and a receipt stays."""

from collections.abc import Iterator
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, print_text, stdout
from modicum.cli.options import FLAG, IMAGES, RUN, option
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.client import Client
from modicum.erasures import Erasure
from modicum.errors import InvalidArgument
from modicum.gate.counting import counted
from modicum.resource_names import last_part, printable

NOT_REACHED = "not reached: backups, and what was downloaded or exported before"

app = typer.Typer(cls=Group, no_args_is_help=True, help="List and show erasures of pictures. Needs the role admin.")


def erase(
    *,
    image: Annotated[str, option(IMAGES, "--image", "DIGEST", "SHA-256 of the picture.")] = "",
    dataset: Annotated[
        str, option(IMAGES, "--dataset", "NAME", ("A data set that holds the picture; needs --item."))
    ] = "",
    item: Annotated[
        str,
        option(
            IMAGES,
            "--item",
            "NAME",
            "Name of the picture in that data set, as `modicum datasets show NAME --items N` lists it.",
        ),
    ] = "",
    no_wait: Annotated[
        bool,
        option(
            RUN,
            "--no-wait",
            FLAG,
            ("Return at once; the erasure continues. `modicum erasures show` prints its receipt."),
        ),
    ] = False,
    as_json: options.Json = False,
) -> None:
    """Erase a picture from the project, and print the receipt. This cannot be undone. Needs the role admin.

    Give --image, or --dataset with --item. The picture's file, its findings and masks, its copies in verdicts, and
    the blind reviews that show it are deleted. Results of audits are computed again from their other pictures.
    Backups and downloaded copies stay.

    Exit codes: 0 done, or accepted with --no-wait; 2 wrong usage, 3 not completed, 130 interrupted.
    """
    if bool(image) == bool(dataset or item) or bool(dataset) != bool(item):
        raise InvalidArgument("expected --image DIGEST, or --dataset NAME with --item NAME")
    with Client() as client:
        erasure = client.erasures.erase(image, dataset=dataset, item=item)
        if not no_wait:
            erasure = client.erasures.wait(erasure)
    _print(erasure, as_json=as_json)


@command(app, "list")
def list_erasures(*, as_json: options.Json = False) -> None:
    """List the erasures, newest first."""
    with Client() as client:
        erasures = list(client.erasures.list())
    if as_json:
        print_json(erasures)
        return
    names = ("erasure", "picture", "state", "by", "asked for", "audits")
    rows = [
        (
            last_part(one.name),
            one.image_digest,
            one.state or "of a later release",
            one.principal,
            f"{one.create_time:%Y-%m-%d %H:%M}",
            str(len(one.results)),
        )
        for one in erasures
    ]
    print_grid(stdout(), Grid(columns=[Column(name, prose=name == "picture") for name in names], rows=rows))


@command(app)
def show(
    erasure: Annotated[str, typer.Argument(metavar="ERASURE", help="Name of the erasure.")],
    *,
    as_json: options.Json = False,
) -> None:
    """Show the receipt of an erasure."""
    with Client() as client:
        found = client.erasures.get(erasure)
    _print(found, as_json=as_json)


def _print(erasure: Erasure, *, as_json: bool) -> None:
    if as_json:
        print_json(erasure)
        return
    for line in _lines(erasure):
        print_text(stdout(), printable(line))


def _lines(erasure: Erasure) -> Iterator[str]:
    """The receipt, line by line."""
    state = erasure.state or "of a later release"
    ended = f", done {erasure.end_time:%Y-%m-%d %H:%M:%S} UTC" if erasure.end_time else ""
    yield f"{erasure.name}: {state}"
    yield f"picture {erasure.image_digest}"
    yield f"asked for by {erasure.principal}, {erasure.create_time:%Y-%m-%d %H:%M:%S} UTC{ended}"
    for item in erasure.items:
        yield f"  {item.dataset}: {item.item}"
    yield f"deleted: {counted(erasure.findings, 'finding')}, {counted(erasure.predictions, 'prediction')}"
    yield f"changed: {counted(erasure.spot_rows, 'row')} of the spot test"
    for what, names in (("review", erasure.reviews), ("swap", erasure.swaps)):
        yield from (f"deleted: {what} {name}" for name in names)
    yield from (f"deleted: the pictures of verdict {name}" for name in erasure.verdicts)
    for result in erasure.results:
        yield f"{result.audit}: {result.images:,} erased, result {result.outcome or 'of a later release'}"
        if result.findings_digest_before:
            yield f"  findings {result.findings_digest_before} -> {result.findings_digest or 'none'}"
    yield from (f"file deleted: {digest}" for digest in erasure.artifacts)
    yield from (f"file kept for {name}" for name in erasure.kept_for)
    yield NOT_REACHED
