"""`modicum-server token`: the operator creates, lists, rotates and revokes the tokens with which clients log in."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from modicum_server.command_parts import USAGE, Command, Group, end
from modicum_server.commands.amount_options import duration_of
from modicum_server.commands.database_option import Data, database_settings
from modicum_server.domain.access import Token
from modicum_server.domain.projects import Role
from modicum_server.usecases.operator_tokens import OperatorTokens
from modicum_server.usecases.token_making import MadeToken

T = TypeVar("T")

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Create, list, rotate and revoke tokens. Only for the operator, because the command opens the server's "
    "database. A project's admin uses `modicum tokens`.",
)

NEVER = "never"
LONGEST_LIFETIME = timedelta(days=3650)

TokenId = Annotated[str, typer.Argument(metavar="ID", help="Id of the token, as `modicum-server token list` shows it.")]


@app.command("create", cls=Command)
def create(  # noqa: PLR0917 - options, which typer gives by name
    principal: Annotated[
        str, typer.Option(metavar="NAME", help="Who uses the token: the name of a person or a program.")
    ],
    role: Annotated[
        str,
        typer.Option(
            metavar="ROLE",
            help="Role in the project: viewer reads, auditor also creates and judges, admin also manages members.",
        ),
    ] = "auditor",
    project: Annotated[
        str, typer.Option(metavar="ID", help="Id of the project in which to give the role.")
    ] = "default",
    name: Annotated[str, typer.Option(metavar="TEXT", help="What the token is for, shown in lists.")] = "",
    expires: Annotated[
        str,
        typer.Option(
            metavar="TIME", help="How long the token is valid, such as 12h or 90d. With `never`, it does not expire."
        ),
    ] = "90d",
    project_only: Annotated[
        bool,
        typer.Option(
            "--project-only",
            metavar="",
            help=("Make the token valid in this project only, even if the principal has roles in others."),
        ),
    ] = False,
    metrics: Annotated[
        bool,
        typer.Option(
            "--metrics",
            metavar="",
            help="For Prometheus: make the token valid only for /metrics, which covers all projects. It gets no role, "
            "so --role and --project have no effect.",
        ),
    ] = False,
    data: Data = None,
) -> None:
    """Give a person or a program (a principal) a role in a project, and print a token. It cannot be shown again.

    Only the token's SHA-256 is stored. The token is valid for every project in which its principal has a role. A
    principal that has another role in the project is refused.
    """
    if role not in set(Role):
        end(USAGE, f"--role: expected viewer, auditor or admin, got {role!r}")
    if metrics and project_only:
        end(USAGE, "--metrics covers all projects, so it cannot be combined with --project-only; leave one out")
    lifetime = lifetime_of(expires)

    def make(tokens: OperatorTokens) -> Awaitable[MadeToken]:
        if metrics:
            return tokens.create_for_metrics(principal, display_name=name, lifetime=lifetime)
        parent, given = f"projects/{project}", Role(role)
        return tokens.create(principal, parent, given, display_name=name, lifetime=lifetime, project_only=project_only)

    _show(_with_tokens(data, make))


@app.command("list", cls=Command)
def list_tokens(
    principal: Annotated[str, typer.Option(metavar="NAME", help="Whose tokens to list. Default: everybody's.")] = "",
    data: Data = None,
) -> None:
    """List tokens: id, principal, name, project, creation, expiry and last use. Secrets are stored nowhere."""
    tokens = _with_tokens(data, lambda tokens: tokens.list(principal))
    rows = [("ID", "PRINCIPAL", "NAME", "PROJECT", "CREATED", "EXPIRES", "LAST USED"), *map(_row, tokens)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


@app.command("revoke", cls=Command)
def revoke(
    token: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="Id of the token to revoke, as `modicum-server token list` shows it. Its principal keeps its roles.",
        ),
    ] = "",
    principal: Annotated[
        str, typer.Option(metavar="NAME", help="Revoke all tokens and all roles of this principal.")
    ] = "",
    data: Data = None,
) -> None:
    """Revoke one token, or all tokens and roles of a principal. Give either ID or --principal.

    Uploads and `watch` commands that use the tokens end within seconds.
    """
    if bool(token) == bool(principal):
        end(USAGE, "expected either the ID of a token or --principal NAME; `modicum-server token list` shows both")
    if token:
        gone = _with_tokens(data, lambda tokens: tokens.revoke(token))
        typer.echo(_revoked(gone))
        return
    revoked = _with_tokens(data, lambda tokens: tokens.revoke_principal(principal))
    for one in revoked.tokens:
        typer.echo(_revoked(one))
    for grant in revoked.grants:
        typer.echo(f"removed {grant.principal} as {grant.role} in {grant.project}")
    if not revoked.tokens and not revoked.grants:
        typer.echo(f"{principal} has no tokens and no roles")


@app.command("rotate", cls=Command)
def rotate(
    token: TokenId,
    overlap: Annotated[
        str, typer.Option(metavar="TIME", help="How long the old token stays valid, such as 1h. At most 7d.")
    ] = "0m",
    data: Data = None,
) -> None:
    """Replace a token by one with the same principal, name and lifetime, and print it.

    The old token stays valid for the time in --overlap.
    """
    seconds = int(duration_of("--overlap", overlap).total_seconds())
    _show(_with_tokens(data, lambda tokens: tokens.rotate(token, overlap_seconds=seconds)))


def lifetime_of(text: str) -> timedelta | None:
    """Return the time in an option such as 90d; None for never."""
    if text == NEVER:
        return None
    lifetime = duration_of("--expires", text)
    if not timedelta(0) < lifetime <= LONGEST_LIFETIME:
        end(USAGE, f"--expires: expected more than 0 and at most {LONGEST_LIFETIME.days}d, or {NEVER}; got {text!r}")
    return lifetime


def _with_tokens(data: Path | None, work: Callable[[OperatorTokens], Awaitable[T]]) -> T:
    from modicum_server.bootstrap import open_store

    settings = database_settings(data)

    async def run() -> T:
        async with open_store(settings.database_url.get_secret_value(), pooled=settings.pooled) as store:
            await store.require_schema()
            return await work(OperatorTokens(store))

    return asyncio.run(run())


def _show(made: MadeToken) -> None:
    typer.echo(made.secret)
    typer.echo(f"id {made.token.id}, expires {_day(made.token.expire_time)}", err=True)


def _row(token: Token) -> tuple[str, ...]:
    return (
        token.id,
        token.principal,
        token.display_name or "-",
        "metrics" if token.reads_metrics else token.project or "all",
        _day(token.create_time),
        _day(token.expire_time),
        "never" if token.last_used_time is None else f"{token.last_used_time:%Y-%m-%d %H:%M}",
    )


def _day(time: datetime | None) -> str:
    return NEVER if time is None else f"{time:%Y-%m-%d}"


def _revoked(token: Token) -> str:
    name = f" ({token.display_name})" if token.display_name else ""
    return f"revoked {token.id} of {token.principal}{name}"
