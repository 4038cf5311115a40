"""`modicum retention`: for how long a project keeps what audits leave behind."""

import re
from dataclasses import replace
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, print_text, stdout
from modicum.cli.options import RUN, option
from modicum.cli.registration import Group, command
from modicum.client import Client
from modicum.errors import InvalidArgument
from modicum.gate.counting import counted
from modicum.retention import Retention

DAYS = "A number of days such as 90d, or `keep` for ever."
FINDINGS = (
    "How long to keep the finding of each image (subset, masks and controls) after an audit. The "
    "result stays, with all its numbers."
)
REPORTS = (
    "How long to keep the result, from which reports are made, after an audit. Its findings are deleted with it, so "
    "give at least as long as for --findings."
)
PICTURES = "How long to keep the images of a data set after the last audit that uses it."

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Show and set for how long the project keeps findings, reports and images. Setting needs the role admin.",
)

FOR_EVER = "keep"


@command(app)
def show(*, as_json: options.Json = False) -> None:
    """Show for how long the project keeps findings, reports and images after an audit."""
    with Client() as client:
        _print(client.retention.get(), as_json=as_json)


@command(app, "set")
def set_retention(
    *,
    findings: Annotated[str, option(RUN, "--findings", "DAYS", f"{FINDINGS} {DAYS}")] = "",
    reports: Annotated[str, option(RUN, "--reports", "DAYS", f"{REPORTS} {DAYS}")] = "",
    images: Annotated[str, option(RUN, "--images", "DAYS", f"{PICTURES} {DAYS}")] = "",
    as_json: options.Json = False,
) -> None:
    """Set for how long the project keeps findings, reports and images after an audit.

    Kinds that you leave out do not change. The operator's `modicum-server collect` deletes what is older,
    except what a hold protects.
    """
    given = {"findings": findings, "reports": reports, "images": images}
    days = {f"{what}_days": _days(f"--{what}", text) for what, text in given.items() if text}
    if not days:
        raise InvalidArgument("expected --findings, --reports or --images")
    with Client() as client:
        _print(client.retention.set(replace(client.retention.get(), **days)), as_json=as_json)


def _days(name: str, text: str) -> int:
    if text == FOR_EVER:
        return 0
    found = re.fullmatch("([1-9][0-9]{0,4})d", text, re.ASCII)
    if found is None:
        raise InvalidArgument(f"{name}: expected a number of days such as 90d, or {FOR_EVER}; got {text!r}")
    return int(found[1])


def _print(retention: Retention, *, as_json: bool) -> None:
    if as_json:
        print_json(retention)
        return
    named = (
        ("findings", retention.findings_days),
        ("reports", retention.reports_days),
        ("images", retention.images_days),
    )
    for what, days in named:
        kept = counted(days, "day") if days else "kept"
        print_text(stdout(), f"{what}: {kept}")
