"""`modicum members`: who may do what in the project."""

from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import print_json, stderr, stdout
from modicum.cli.registration import Group, command
from modicum.cli.tables import Column, Grid, print_grid
from modicum.client import Client
from modicum.members import Member

app = typer.Typer(
    cls=Group, no_args_is_help=True, help="List and change the members of a project. Needs the role admin."
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of a person or a program that uses the server.")]
RoleName = Annotated[
    str,
    typer.Argument(metavar="ROLE", help="viewer reads, auditor also creates and judges, admin also manages members."),
]


@command(app, "list")
def list_members(*, as_json: options.Json = False) -> None:
    """List the members, by name."""
    with Client() as client:
        members = list(client.members.list())
    if as_json:
        print_json(members)
        return
    rows = [(member.principal, member.role or "of a later release") for member in members]
    print_grid(stdout(), Grid(columns=(Column("member", prose=True), Column("role")), rows=rows))


@command(app)
def add(name: Name, role: RoleName, *, as_json: options.Json = False) -> None:
    """Give somebody a role in the project. Refuses a member who has another role; use `set-role` to change it."""
    with Client() as client:
        _show(client.members.add(name, role), as_json=as_json)


@command(app, "set-role")
def set_role(name: Name, role: RoleName, *, as_json: options.Json = False) -> None:
    """Change the role of a member."""
    with Client() as client:
        _show(client.members.set_role(name, role), as_json=as_json)


@command(app)
def remove(name: Name, *, as_json: options.Json = False) -> None:
    """Remove a member, and revoke its tokens for this project."""
    with Client() as client:
        client.members.remove(name)
    if as_json:
        print_json({"removed": name})
    else:
        stderr().print(f"removed {name}", markup=False)


def _show(member: Member, *, as_json: bool) -> None:
    if as_json:
        print_json(member)
    else:
        stdout().print(f"{member.name}: {member.role or 'of a later release'}", markup=False, soft_wrap=True)
