"""`modicum holds`: what must stay because it is evidence."""

from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, print_text, stderr, stdout
from modicum.cli.options import RUN, option
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.client import Client
from modicum.errors import InvalidArgument
from modicum.resource_names import last_part, printable

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Protect audits, data sets, versions and verdicts from deletion and erasure, as evidence. Needs the role "
    "admin.",
)

HoldId = Annotated[str, typer.Argument(metavar="HOLD", help="Name of the hold.")]


@command(app, "list")
def list_holds(*, as_json: options.Json = False) -> None:
    """List the holds."""
    with Client() as client:
        holds = list(client.holds.list())
    if as_json:
        print_json(holds)
        return
    names = ("hold", "holds", "reason", "by", "since")
    rows = [
        (last_part(one.name), one.held, printable(one.reason), one.creator, f"{one.create_time:%Y-%m-%d %H:%M}")
        for one in holds
    ]
    prose = {"holds", "reason"}
    print_grid(stdout(), Grid(columns=[Column(name, prose=name in prose) for name in names], rows=rows))


@command(app)
def add(
    hold: HoldId,
    *,
    reason: Annotated[
        str,
        option(RUN, "--reason", "TEXT", ("The reason. The server shows it to callers whose request the hold refuses.")),
    ],
    audit: Annotated[str, option(RUN, "--audit", "NAME", "The audit to hold, with its result.")] = "",
    dataset: Annotated[str, option(RUN, "--dataset", "NAME", "The data set to hold.")] = "",
    version: Annotated[str, option(RUN, "--version", "MODEL/NUMBER", "The version to hold.")] = "",
    verdict: Annotated[str, option(RUN, "--verdict", "NAME", "The verdict to hold.")] = "",
    as_json: options.Json = False,
) -> None:
    """Hold an audit, a data set, a version or a verdict. It cannot be deleted until the hold is released.

    Give exactly one of --audit, --dataset, --version and --verdict. Pictures of a held audit or
    data set, and of the audits behind a held verdict, cannot be erased.
    """
    if sum(map(bool, (audit, dataset, version, verdict))) != 1:
        raise InvalidArgument("expected one of --audit, --dataset, --version and --verdict")
    with Client() as client:
        made = client.holds.add(hold, reason=reason, audit=audit, dataset=dataset, version=version, verdict=verdict)
    if as_json:
        print_json(made)
    else:
        print_text(stdout(), printable(f"{made.name} holds {made.held}: {made.reason}"))


@command(app)
def release(hold: HoldId, *, as_json: options.Json = False) -> None:
    """Release a hold."""
    with Client() as client:
        client.holds.release(hold)
    if as_json:
        print_json({"released": hold})
    else:
        stderr().print(f"released {hold}", markup=False)
