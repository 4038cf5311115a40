"""The file with the settings of workers. It lies on every machine, so that Ray never carries what is in it."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from dotenv import dotenv_values

from modicum_server.usecases.fleet_errors import SettingsFileUnfit

#: Variables with which Ray configures itself, such as its token. A worker needs none of them.
OF_RAY = "RAY_"


def variables_in(path: Path) -> dict[str, str]:
    """Return the variables in a file of lines such as MODICUM_SLOTS=2.

    Raises:
        SettingsFileUnfit: it cannot be read, or everybody can read it.
    """
    try:
        if path.stat().st_mode & stat.S_IROTH:
            raise SettingsFileUnfit(
                f"{path}: other users of this machine can read this file, which holds the address of the database. Run "
                f"chmod o-r {path}"
            )
        with path.open(encoding="utf-8") as lines:
            found = dotenv_values(stream=lines, interpolate=False)
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsFileUnfit(
            f"{path}: the file of settings cannot be read: {why}; expected a file at this path on every machine, "
            "with lines such as MODICUM_DATABASE_URL=..."
        ) from error
    return {name: value for name, value in found.items() if value is not None}


def environment_with(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a worker: this process's without what is for Ray or another server, and these."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith((OF_RAY, "MODICUM_"))}
    return kept | dict(variables)
