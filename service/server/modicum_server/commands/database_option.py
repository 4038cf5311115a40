"""The option --data: which server's database and artifacts a command of the operator is for."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import SecretStr

from modicum_server.command_parts import USAGE, end, settings_with
from modicum_server.settings import Settings

USERS_FOLDER = "~/.local/share/modicum (as root /var/lib/modicum)"
"""The folder where `modicum-server up` keeps its data if nothing names another, as help shows it."""
Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Data folder of a server that `modicum-server up` runs. If it is not given, the command uses the database "
        f"in MODICUM_DATABASE_URL, or else the server in MODICUM_DATA or in {USERS_FOLDER}.",
    ),
]


def database_settings(data: Path | None) -> Settings:
    """Return settings with the database that a command is for, or end the command with a message."""
    from modicum_server.local.running_database import NoServerRuns

    try:
        return _found_database(data)
    except NoServerRuns as error:
        end(USAGE, str(error))


def database_if_known(data: Path | None) -> Settings | None:
    """Return settings with the database that a command is for; None if none is configured and no server runs."""
    from modicum_server.local.running_database import NoServerRuns

    try:
        return _found_database(data)
    except NoServerRuns:
        return None


def _found_database(data: Path | None) -> Settings:
    given = settings_with()
    if given.database_url.get_secret_value() and data is None:
        return given
    from modicum_server.local.folder import default_folder
    from modicum_server.local.running_database import running_database_url

    url = running_database_url(data or default_folder())
    return given.model_copy(update={"database_url": SecretStr(url), "database_listen_url": SecretStr("")})


def store_settings(data: Path | None) -> Settings:
    """Return settings with the database and the artifacts of one store: the configured one, or a data folder's."""
    from modicum_server.local.folder import default_folder

    given, settings = settings_with(), database_settings(data)
    own = data is not None or not given.database_url.get_secret_value()
    artifacts_url = str((data or default_folder()) / "artifacts") if own else given.artifacts_url
    if not artifacts_url:
        end(USAGE, "not set: MODICUM_ARTIFACTS_URL (a folder or an fsspec URL)")
    return settings.model_copy(update={"artifacts_url": artifacts_url})
