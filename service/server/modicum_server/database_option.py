"""The option --data: which server's database a command of the operator is for."""

from pathlib import Path
from typing import Annotated

import typer

from modicum_server.command_parts import USAGE, end, settings_with

Data = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Data folder of a server that `modicum-server up` runs. Default: the database in MODICUM_DATABASE_URL; "
        "without that, the server in the user's data folder.",
    ),
]


def database_url(data: Path | None) -> str:
    """Return the address of the database that a command is for, or end the command with a message."""
    given = settings_with().database_url.get_secret_value()
    if given and data is None:
        return given
    from modicum_server.local.folder import default_folder
    from modicum_server.local.running_database import NoServerRuns, running_database_url

    try:
        return running_database_url(data or default_folder())
    except NoServerRuns as error:
        end(USAGE, str(error))
