"""The `modicum` command: joins the modules of its subcommands and does nothing else."""

from typing import Annotated

import typer

from modicum.cli import (
    artifacts,
    audits,
    baseline,
    datasets,
    ensemble,
    holds,
    members,
    models,
    policy,
    retention,
    reviews,
    tokens,
    trail,
    trust,
    verdicts,
)
from modicum.cli.attest import attest
from modicum.cli.audit import audit
from modicum.cli.erase import app as erasures
from modicum.cli.erase import erase
from modicum.cli.gate import gate
from modicum.cli.judge import judge
from modicum.cli.options import FLAG
from modicum.cli.plan import plan
from modicum.cli.policy_options import JudgingCommand
from modicum.cli.registration import Group, command
from modicum.cli.render import render
from modicum.cli.verify import verify
from modicum.version import VERSION

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Audit image classifiers for overinterpretation: confident decisions that rest on a few meaningless pixels.\n\n"
        "Commands use the server at MODICUM_ADDRESS, with the token in MODICUM_TOKEN. Without an address, they use the "
        "server of this machine."
    ),
)
command(app)(audit)
command(app, kind=JudgingCommand)(gate)
command(app)(judge)
command(app, server=False)(render)
command(app)(plan)
command(app, server=False)(attest)
command(app)(verify)
command(app)(erase)
app.add_typer(models.app, name="models")
app.add_typer(datasets.app, name="datasets")
app.add_typer(artifacts.app, name="artifacts")
app.add_typer(audits.app, name="audits")
app.add_typer(verdicts.app, name="verdicts")
app.add_typer(reviews.app, name="reviews")
app.add_typer(members.app, name="members")
app.add_typer(tokens.app, name="tokens")
app.add_typer(trust.app, name="trust")
app.add_typer(trail.app, name="trail")
app.add_typer(erasures, name="erasures")
app.add_typer(holds.app, name="holds")
app.add_typer(retention.app, name="retention")
app.add_typer(ensemble.app, name="ensemble")
app.add_typer(policy.app, name="policy")
app.add_typer(baseline.app, name="baseline")


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # the form that typer calls
    if wanted:
        typer.echo(f"modicum {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", metavar=FLAG, callback=_show_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options of the command itself."""
