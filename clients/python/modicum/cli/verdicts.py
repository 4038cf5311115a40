"""`modicum verdicts`: what a server stored with `--save`."""

from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, printing, stdout
from modicum.cli.options import OUTPUT, option
from modicum.cli.outputs import settle_outputs
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.cli.verdict_outputs import VerdictOutputs, print_verdict, verdict_outputs, write_verdict
from modicum.client import Client
from modicum.resource_names import last_part, short_version

app = typer.Typer(cls=Group, no_args_is_help=True, help="List and show the verdicts that a server stored.")


@command(app, "list")
def list_verdicts(
    *,
    only: Annotated[
        str,
        option(
            OUTPUT,
            "--filter",
            "TEXT",
            'List only matching verdicts, for example "outcome = FAIL" or "model_version = resnet18/3". Fields: '
            "outcome, audit, model_version and policy_digest. Join several with AND.",
        ),
    ] = "",
    as_json: options.Json = False,
) -> None:
    """List the stored verdicts, newest first."""
    with Client() as client:
        verdicts = list(client.verdicts.list(only))
    if as_json:
        print_json(verdicts)
        return
    names = ("verdict", "outcome", "audit", "models", "created")
    rows = [
        (
            last_part(verdict.name),
            verdict.outcome,
            last_part(verdict.audit),
            ", ".join(map(short_version, verdict.model_versions)),
            f"{verdict.create_time:%Y-%m-%d %H:%M}",
        )
        for verdict in verdicts
    ]
    prose = {"verdict", "audit", "models"}
    print_grid(stdout(), Grid(columns=[Column(name, prose=name in prose) for name in names], rows=rows))


@command(app)
def show(
    verdict: Annotated[str, typer.Argument(metavar="VERDICT", help="Name of the verdict.")],
    *,
    output: VerdictOutputs = None,
    as_json: options.Json = False,
) -> None:
    """Show a stored verdict, and write it to files. The exit code does not depend on the outcome."""
    outputs = verdict_outputs(output or ())
    with Client() as client:
        document = client.verdicts.document(verdict)
    settle_outputs(write_verdict(document, outputs))
    with printing():
        print_verdict(document, [output.path for output in outputs], as_json=as_json)
