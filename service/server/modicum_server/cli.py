"""The `modicum-server` command: up, serve, worker, migrate, and what operators run."""

import asyncio
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import SecretStr, ValidationError

from modicum_server.command_parts import NOT_COMPLETED, USAGE, Command, Group, end, required, say, settings_with
from modicum_server.commands import backup, collect, endpoints, fleet, tokens, trail, verify
from modicum_server.commands.long_running import run_until_signal, until_signal
from modicum_server.errors import DependencyUnavailable, InvalidArgument, ModicumError
from modicum_server.logs import log_for_people
from modicum_server.processes.rare_collections import collect_rarely
from modicum_server.processes.returned_memory import return_large_blocks
from modicum_server.settings import Settings

LARGEST_SEED = 2**63 - 1  # the same as for an audit
LOOPBACK = "127.0.0.1"
#: Settings with a password in them.
SECRETS = tuple(name for name, field in Settings.model_fields.items() if field.annotation is SecretStr)
ANY_ADDRESS = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on

#: How long after its grace time the API ends, whatever still runs in it. `up` waits a second longer.
ENDING_SECONDS = 4.0

HELP = """Run and administer a Modicum server.

Exit codes: 0 done; 1 a wrong verdict (`selftest`) or damage (`verify`,
`backup`, `restore`); 2 wrong usage or settings; 3 not completed.
"""


app = typer.Typer(cls=Group, add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=HELP)
AwaitSchema = Annotated[bool, typer.Option("--await-schema", hidden=True, help="Wait for the database's schema.")]


def _port(setting: str, serves: str) -> Any:
    """An option for a port: what listens on it, and the port where neither the option nor the setting is given."""
    usual = Settings.model_fields[setting].default
    text = f"Port of {serves}. 0: any free port. Default: MODICUM_{setting.upper()}, else {usual}."
    return typer.Option(min=0, max=65535, metavar="PORT", help=text)


GrpcPort = Annotated[int | None, _port("grpc_port", "the gRPC API")]
HttpPort = Annotated[int | None, _port("http_port", "pages, REST and metrics")]
MetricsPort = Annotated[int | None, _port("worker_metrics_port", "the worker's metrics")]


@app.command(cls=Command)
def up(
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder of the database, files and logs. Default: MODICUM_DATA, else ~/.local/share/modicum (as root "
            "/var/lib/modicum).",
        ),
    ] = None,
    grpc_port: GrpcPort = None,
    http_port: HttpPort = None,
    until_unused: Annotated[bool, typer.Option(hidden=True, help="Stop when no command uses the server.")] = False,
) -> None:
    """Run a whole server on this machine: Postgres, API, worker and TorchServe.

    Prints the address of its pages. Commands on this machine find the server. With --data, set MODICUM_DATA to the same
    folder for these commands. Ctrl-C stops the server and keeps its data. To remove the data, delete the folder after
    that.
    """
    from modicum_server.local.folder import DataFolder, FolderInUse, ServerAddresses, default_folder
    from modicum_server.local.supervisor import LocalServer, StartFailed

    settings = settings_with(grpc_port=grpc_port, http_port=http_port)
    log_for_people()
    try:
        folder = DataFolder.create(data or default_folder())
    except OSError as error:
        path = data or default_folder()
        end(USAGE, f"{path}: the data folder cannot be created: {error.strerror}; choose another folder with --data")

    def announce(addresses: ServerAddresses, link: str) -> None:
        http_url = f"{'https' if settings.tls_cert else 'http'}://{addresses.http_address}"
        _say_pages(http_url, link, folder.path / "token")
        typer.echo(f"gRPC   {addresses.grpc_address}")
        typer.echo(f"HTTP   {http_url}/metrics")
        typer.echo(f"token  {folder.path / 'token'}")
        if data is not None:
            _say_folder(folder.path)

    server = LocalServer(folder, settings, until_unused)
    try:
        with folder.held(wait_seconds=30.0 if until_unused else 0.0):
            asyncio.run(until_signal(lambda stop: server.run(stop, announce)))
    except (FolderInUse, StartFailed) as error:
        end(NOT_COMPLETED, str(error))


def _say_pages(http_url: str, link: str, token: Path) -> None:
    """Print the address of the pages and how to sign in: on a terminal by a link, which no file is to hold."""
    typer.echo(f"pages  {http_url}/")
    if sys.stdout.isatty():
        typer.echo(f"       {http_url}/sign-in#{link}  (signs you in once, within five minutes)")
    else:
        typer.echo(f"       (the sign-in link is shown on a terminal only; sign in with the token in {token})")


def _say_folder(path: Path) -> None:
    """Print what makes commands find a server whose folder is not the default, unless it is set already."""
    if os.environ.get("MODICUM_DATA") != str(path):
        typer.echo(f"export MODICUM_DATA={shlex.quote(str(path))}  # commands then find this server")


@app.command(cls=Command)
def serve(
    grpc_port: GrpcPort = None,
    http_port: HttpPort = None,
    ready_file: Annotated[
        Path | None, typer.Option(hidden=True, help="Write the addresses to this file once the server is ready.")
    ] = None,
    await_schema: AwaitSchema = False,
) -> None:
    """Serve the API. Run `migrate` first.

    Needs MODICUM_DATABASE_URL and MODICUM_ARTIFACTS_URL (a folder, or a URL such as s3://bucket/prefix).
    """
    from modicum_server.bootstrap import running_api, schema_appears
    from modicum_server.transports import api  # noqa: F401  imported while the database starts, to save time

    settings = required(settings_with(grpc_port=grpc_port, http_port=http_port))

    async def run(stop: asyncio.Event) -> None:
        if await_schema and not await schema_appears(settings, stop):
            return
        async with running_api(settings) as (bound_grpc, bound_http):
            return_large_blocks()
            collect_rarely()
            host = LOOPBACK if settings.host in ANY_ADDRESS else settings.host
            addresses = {"grpc_address": f"{host}:{bound_grpc}", "http_address": f"{host}:{bound_http}"}
            if ready_file is not None:
                fresh = ready_file.with_suffix(".new")
                fresh.touch(mode=0o600)
                fresh.write_text(json.dumps(addresses))
                fresh.rename(ready_file)
            await stop.wait()

    run_until_signal(run, stop_seconds=settings.grace_seconds + ENDING_SECONDS)


@app.command(cls=Command)
def worker(
    metrics_port: MetricsPort = None,
    await_schema: AwaitSchema = False,
) -> None:
    """Run a worker with its own TorchServe.

    Needs MODICUM_DATABASE_URL and MODICUM_ARTIFACTS_URL (a folder, or a URL such as s3://bucket/prefix).
    """
    from modicum_server.bootstrap import SCHEMA_SECONDS, run_worker

    settings = required(settings_with(worker_metrics_port=metrics_port))
    schema_seconds = SCHEMA_SECONDS if await_schema else 0.0
    run_until_signal(lambda stop: run_worker(settings, stop, schema_seconds=schema_seconds))


@app.command(cls=Command)
def migrate() -> None:
    """Migrate the database in MODICUM_DATABASE_URL to the schema of this release.

    If MODICUM_OWNER_DATABASE_URL is set, the command migrates as the user of Postgres in that address, and grants the
    user in MODICUM_DATABASE_URL what the server needs. The server's user then owns no tables, and cannot change the
    trail (audit log).
    """
    from modicum_server.store.migrate import migrate as apply
    from modicum_server.store.service_role import ServiceRoleUnfit

    settings = settings_with()
    service_url = settings.database_url.get_secret_value()
    if not service_url:
        end(USAGE, "MODICUM_DATABASE_URL is not set; set it to postgresql://user:password@host/database")
    try:
        apply(settings.migration_url, service_url=service_url)
    except ServiceRoleUnfit as error:
        end(USAGE, str(error))
    typer.echo("the schema is current")


@app.command(cls=Command)
def selftest(
    seed: Annotated[
        int,
        typer.Option(min=0, max=LARGEST_SEED, metavar="N", help="Seed of the images, the weights and the searches."),
    ] = 0,
) -> None:
    """Train small classifiers with and without a planted shortcut, audit them, and check the verdicts.

    This takes two or three minutes. Install modicum-server with its extra `selftest` first.
    """
    try:
        from modicum_server.selftest.command import run
    except ImportError as error:
        end(USAGE, f"the self-test needs more packages ({error}); install them: pip install 'modicum-server[selftest]'")
    raise SystemExit(run(seed, say=say))


app.command("fleet", cls=Command)(fleet.fleet)
app.command("verify", cls=Command)(verify.verify)
app.command("backup", cls=Command)(backup.backup)
app.command("restore", cls=Command)(backup.restore)
app.command("collect", cls=Command)(collect.collect)
app.add_typer(tokens.app, name="token")
app.add_typer(endpoints.app, name="endpoint")
app.add_typer(trail.app, name="trail")


def _wrong_settings(error: ValidationError) -> str:
    """Return a line for each wrong setting: its name, what was expected, what came. Passwords are not shown."""
    words = []
    for entry in error.errors(include_url=False):
        name = str(entry["loc"][0]) if entry["loc"] else ""
        came = "" if name in {"", *SECRETS} else f", got {entry['input']!r}"
        setting = f"{_variable(name)}: " if name else ""
        words.append(f"{setting}{entry['msg'].removeprefix('Value error, ')}{came}")
    return "; ".join(words)


def _away(error: DependencyUnavailable) -> str:
    """The error, with the addresses of the database where it is about that."""
    from modicum_server.postgres.addresses import shown_address

    if "database" not in str(error):
        return str(error)
    settings = settings_with()
    urls = {"MODICUM_DATABASE_URL": settings.database_url, "MODICUM_DATABASE_LISTEN_URL": settings.database_listen_url}
    shown = (
        f"{name} is {shown_address(url.get_secret_value())}" for name, url in urls.items() if url.get_secret_value()
    )
    return "; ".join((str(error), *shown))


def _invalid(error: InvalidArgument) -> str:
    """The error. Where it is about the address of a database, the settings with such an address come first."""
    from modicum_server.postgres.addresses import AddressUnreadable, libpq_parameters

    if not isinstance(error, AddressUnreadable):
        return str(error)
    settings, unreadable = settings_with(), []
    for name in SECRETS:
        try:
            libpq_parameters(getattr(settings, name).get_secret_value())
        except AddressUnreadable:
            unreadable.append(_variable(name))
    return ": ".join((*unreadable, str(error)))


def _variable(setting: str) -> str:
    return f"MODICUM_{setting}".upper()


def _in_words(error: OSError) -> str:
    return ": ".join(str(part) for part in (error.strerror or error, error.filename) if part is not None)


def main() -> None:
    """Run the command, and end with a message and an exit code."""
    try:
        app()
    except ValidationError as error:
        end(USAGE, _wrong_settings(error))
    except DependencyUnavailable as error:
        end(NOT_COMPLETED, _away(error))
    except InvalidArgument as error:
        end(USAGE, _invalid(error))
    except ModicumError as error:
        end(NOT_COMPLETED, str(error))
    except OSError as error:
        end(NOT_COMPLETED, _in_words(error))


if __name__ == "__main__":
    main()
