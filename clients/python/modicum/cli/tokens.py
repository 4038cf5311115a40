"""`modicum tokens`: the tokens with which members of the project log in."""

import re
from datetime import datetime, timedelta
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, stderr, stdout
from modicum.cli.options import RUN, option
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.client import Client
from modicum.errors import InvalidArgument
from modicum.members import NewToken
from modicum.resource_names import last_part, printable

app = typer.Typer(
    cls=Group, no_args_is_help=True, help="List, make, rotate and revoke tokens of a project. Needs the role admin."
)

UNITS = {"m": "minutes", "h": "hours", "d": "days"}
TokenId = Annotated[str, typer.Argument(metavar="ID", help="Id of the token, as `modicum tokens list` shows it.")]


@command(app, "list")
def list_tokens(*, as_json: options.Json = False) -> None:
    """List the tokens that are valid in the project, and those that have expired."""
    with Client() as client:
        tokens = list(client.tokens.list())
    if as_json:
        print_json(tokens)
        return
    names = ("token", "member", "name", "projects", "expires", "last used")
    rows = [
        (
            last_part(token.name),
            token.principal,
            printable(token.display_name),
            "all of the member's" if token.all_projects else "this one",
            _day(token.expire_time),
            "never" if token.last_used_time is None else f"{token.last_used_time:%Y-%m-%d %H:%M}",
        )
        for token in tokens
    ]
    prose = {"member", "name", "projects"}
    print_grid(stdout(), Grid(columns=[Column(name, prose=name in prose) for name in names], rows=rows))


@command(app)
def create(
    member: Annotated[str, typer.Argument(metavar="MEMBER", help="The member of the project who will use the token.")],
    *,
    name: Annotated[str, option(RUN, "--name", "TEXT", "What the token is for.")] = "",
    expires: Annotated[
        str, option(RUN, "--expires", "TIME", "How long the token is valid, such as 12h or 30d; at most 366d.")
    ] = "90d",
    as_json: options.Json = False,
) -> None:
    """Make a token for a member, valid only in this project, and print its secret. It cannot be shown again."""
    lifetime = duration("--expires", expires)
    with Client() as client:
        _show(client.tokens.create(member, display_name=name, lifetime=lifetime), as_json=as_json)


@command(app)
def rotate(
    token: TokenId,
    *,
    overlap: Annotated[
        str, option(RUN, "--overlap", "TIME", "How long the old token stays valid, such as 1h. At most 7d.")
    ] = "0m",
    as_json: options.Json = False,
) -> None:
    """Replace a token by one with the same member, name and lifetime, and print its secret.

    The old token stays valid for the time in --overlap.
    """
    time = duration("--overlap", overlap)
    with Client() as client:
        _show(client.tokens.rotate(token, overlap=time), as_json=as_json)


@command(app)
def revoke(token: TokenId, *, as_json: options.Json = False) -> None:
    """Revoke a token. Uploads and `watch` commands that use it end within seconds."""
    with Client() as client:
        client.tokens.revoke(token)
    if as_json:
        print_json({"revoked": token})
    else:
        stderr().print(f"revoked {token}", markup=False)


def duration(name: str, text: str) -> timedelta:
    """The time that an option gives, such as 12h.

    Raises:
        InvalidArgument: it has another form.
    """
    found = re.fullmatch("([0-9]{1,6})([mhd])", text, re.ASCII)
    if found is None:
        raise InvalidArgument(f"{name}: expected a number and m, h or d, such as 12h or 90d; got {text!r}")
    return timedelta(**{UNITS[found[2]]: int(found[1])})


def _show(made: NewToken, *, as_json: bool) -> None:
    if as_json:
        print_json({"token": made.token, "secret": made.secret})
        return
    stdout().print(made.secret, markup=False, highlight=False, soft_wrap=True)
    stderr().print(f"id {last_part(made.token.name)}, expires {_day(made.token.expire_time)}", markup=False)


def _day(time: datetime | None) -> str:
    return "never" if time is None else f"{time:%Y-%m-%d}"
