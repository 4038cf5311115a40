"""`modicum-server endpoint`: the operator names models that other servers serve, and grants them to projects."""

import asyncio
import logging
import stat
from pathlib import Path
from typing import Annotated

import structlog
import typer

from modicum_server.command_parts import NOT_COMPLETED, USAGE, Command, Group, end, settings_with
from modicum_server.commands.database_option import USERS_FOLDER, database_if_known
from modicum_server.domain.endpoints import (
    IMAGES_PER_REQUEST,
    REQUESTS_PER_SECOND,
    TIMEOUT_SECONDS,
    EndpointEntry,
)
from modicum_server.domain.models import OutputKind
from modicum_server.endpoints.entries_file import EntriesFile
from modicum_server.endpoints.targets import MODEL_NAME, TargetRefused
from modicum_server.local.folder import ENDPOINTS_FILE, DataFolder, default_folder
from modicum_server.model_server import TaskFailed
from modicum_server.ports import EndpointsUnreadable
from modicum_server.settings import Settings
from modicum_server.usecases.resource_names import DEFAULT_PROJECT
from modicum_server.usecases.rules import check

FOUND_OUT = "auto"

app = typer.Typer(
    cls=Group,
    no_args_is_help=True,
    help="Add, list and remove endpoints: models that other servers serve by the Open Inference Protocol v2, for "
    "projects to audit. For the operator: endpoints are kept in the file MODICUM_ENDPOINTS_FILE, or in endpoints.json "
    "in the data folder of `modicum-server up`.",
)

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Data folder of a server that `modicum-server up` runs. If it is not given, the command uses the file in "
        f"MODICUM_ENDPOINTS_FILE, or else the folder in MODICUM_DATA or {USERS_FOLDER}.",
    ),
]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name that projects use for the endpoint.")]


@app.command("add", cls=Command)
def add(  # noqa: PLR0917 - options, which typer gives by name
    name: Name,
    address: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS",
            help="SCHEME://HOST:PORT/MODEL or SCHEME://HOST:PORT/MODEL/VERSION; SCHEME is grpc, grpcs, http or https.",
        ),
    ],
    project: Annotated[
        list[str], typer.Option(metavar="ID", help="Project that may audit it. Repeat for several projects.")
    ] = ["default"],  # noqa: B006 - typer copies it
    credential_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File with a bearer token. Each worker reads it; it is not copied."),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Certificate authorities (PEM) to trust instead of the system's, for grpcs and https."
        ),
    ] = None,
    outputs: Annotated[
        str,
        typer.Option(metavar="KIND", help="What the model returns: logits, probabilities, or auto to find out."),
    ] = FOUND_OUT,
    requests_per_second: Annotated[
        float, typer.Option(metavar="NUMBER", help="Each worker sends at most this many requests a second.")
    ] = REQUESTS_PER_SECOND,
    images_per_request: Annotated[
        int, typer.Option(metavar="NUMBER", help="A request has at most this many images.")
    ] = (IMAGES_PER_REQUEST),
    timeout_seconds: Annotated[
        float, typer.Option(metavar="SECONDS", help="A request fails after this time without an answer.")
    ] = TIMEOUT_SECONDS,
    data: Data = None,
) -> None:
    """Add an endpoint: look up its IP addresses, read its model's description, and let projects audit it.

    The command replaces an endpoint of the same name. Projects must exist. The server contacts only the IP addresses
    that are found now, and follows no redirect. Link-local addresses and metadata services of clouds are always
    refused.
    """
    if MODEL_NAME.fullmatch(name) is None:
        end(USAGE, f"NAME: expected letters, digits, hyphen, underscore and dot; got {name!r}")
    if outputs not in {FOUND_OUT, *OutputKind}:
        end(USAGE, f"--outputs: expected logits, probabilities or auto; got {outputs!r}")
    _require_file("--credential-file", credential_file)
    _require_file("--ca-file", ca_file)
    asked = EndpointEntry(
        name=name,
        url=address,
        addresses=(),
        projects=tuple(dict.fromkeys(project)),
        claim="",
        input_name="",
        output_name="",
        output_kind=None if outputs == FOUND_OUT else OutputKind(outputs),
        credential_file="" if credential_file is None else str(credential_file.absolute()),
        ca_file="" if ca_file is None else str(ca_file.absolute()),
        requests_per_second=requests_per_second,
        images_per_request=images_per_request,
        timeout_seconds=timeout_seconds,
    )
    file = _file(data)
    kept = [one for one in _read(file) if one.name != name]
    unchecked = _refuse_absent_projects(asked.projects, data)
    _write(file, [*kept, made := _made(asked)])
    typer.echo(f"added {name}: {made.url} at {', '.join(made.addresses)}, for {', '.join(made.projects)}")
    if unchecked:
        typer.echo(f"projects not checked, because no database was found: {', '.join(unchecked)}", err=True)


@app.command("list", cls=Command)
def list_endpoints(data: Data = None) -> None:
    """List endpoints: name, address, IP addresses, projects and credential file."""
    rows = [("NAME", "ADDRESS", "CONTACTED AT", "PROJECTS", "CREDENTIAL"), *map(_row, _read(_file(data)))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


@app.command("remove", cls=Command)
def remove(name: Name, data: Data = None) -> None:
    """Remove an endpoint. Running audits of it fail soon; stored results stay."""
    file = _file(data)
    entries = _read(file)
    kept = [one for one in entries if one.name != name]
    if len(kept) == len(entries):
        end(USAGE, f"there is no endpoint {name!r}; `modicum-server endpoint list` shows all")
    _write(file, kept)
    typer.echo(f"removed {name}")


def _refuse_absent_projects(projects: tuple[str, ...], data: Path | None) -> tuple[str, ...]:
    """Refuse projects that do not exist. Return those that cannot be looked up, because no server's database is known.

    The default project always exists.
    """
    others = tuple(one for one in projects if f"projects/{one}" != DEFAULT_PROJECT)
    settings = database_if_known(data) if others else None
    if settings is None:
        return others
    absent = asyncio.run(_absent(others, settings))
    if absent:
        end(
            USAGE,
            f"--project {absent[0]}: there is no such project; give the id of one that exists, or create it first: an "
            f"admin of the project default calls POST /v1/projects?projectId={absent[0]}",
        )
    return ()


async def _absent(projects: tuple[str, ...], settings: Settings) -> list[str]:
    from modicum_server.bootstrap import open_store

    for one in projects:
        check("project_id", one)
    async with open_store(settings.database_url.get_secret_value(), pooled=settings.pooled) as store:
        await store.require_schema()
        async with store.transaction() as transaction:
            return [one for one in projects if await transaction.projects.get(f"projects/{one}") is None]


def _require_file(option: str, path: Path | None) -> None:
    if path is None:
        return
    try:
        if path.is_dir():
            end(USAGE, f"{option} {path}: expected a file, got a folder")
        if not stat.S_ISREG(path.stat().st_mode):
            end(USAGE, f"{option} {path}: expected a file, which workers can read later; got a pipe or a device")
        path.open("rb").close()
    except FileNotFoundError:
        end(USAGE, f"{option} {path}: no such file")
    except OSError as error:
        end(USAGE, f"{option} {path}: cannot be read: {error.strerror}")


def _file(data: Path | None) -> EntriesFile:
    configured = settings_with().endpoints_file
    if configured is not None and data is None:
        return EntriesFile(configured)
    return EntriesFile((data or default_folder()) / ENDPOINTS_FILE)


def _read(file: EntriesFile) -> tuple[EndpointEntry, ...]:
    try:
        return file.read()
    except EndpointsUnreadable as error:
        end(NOT_COMPLETED, f"the endpoints cannot be read: {error.why}")


def _write(file: EntriesFile, entries: list[EndpointEntry]) -> None:
    assert file.path is not None, "_file names one"
    try:
        DataFolder.create(file.path.parent)
        file.write(entries)
    except OSError as error:
        end(NOT_COMPLETED, f"{file.path}: cannot be written: {error.strerror}")


def _made(asked: EndpointEntry) -> EndpointEntry:
    from modicum_server.endpoints.adding import advice, entry_of, unreachable_text
    from modicum_server.endpoints.answers import EndpointRefused

    # the lines about tries that a worker's log has are not for a terminal
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    try:
        return asyncio.run(entry_of(asked))
    except TargetRefused as error:
        end(USAGE, str(error))
    except EndpointRefused as error:
        end(NOT_COMPLETED, f"{error.task_reason}: {error}{advice(error, asked)}")
    except TaskFailed as error:
        end(NOT_COMPLETED, f"{error.task_reason}: {unreachable_text(error, asked)}")


def _row(entry: EndpointEntry) -> tuple[str, ...]:
    credential = entry.credential_file or "-"
    return entry.name, entry.url, ",".join(entry.addresses), ",".join(entry.projects), credential
