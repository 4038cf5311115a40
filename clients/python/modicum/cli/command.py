"""All of the `modicum` command: one module a noun; this one joins them and does nothing else."""

from typing import Annotated

import typer

from modicum.cli import audits, datasets, ensemble, models
from modicum.cli.audit import audit
from modicum.version import VERSION

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Audits image classifiers for overinterpretation: how few pixels suffice, and are they evidence?",
)
app.command("audit")(audit)
app.add_typer(models.app, name="models")
app.add_typer(datasets.app, name="datasets")
app.add_typer(audits.app, name="audits")
app.add_typer(ensemble.app, name="ensemble")


def _show_version(wanted: bool) -> None:  # noqa: FBT001  # the form that typer calls
    if wanted:
        typer.echo(f"modicum {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Options of the command itself."""
