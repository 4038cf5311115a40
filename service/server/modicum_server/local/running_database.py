"""The database of a local server that runs, for commands beside it."""

from pathlib import Path

from modicum_server.local.postgres import SOCKET_NOTE
from modicum_server.local.postgres_roles import url_of

SOCKET = ".s.PGSQL.5432"


class NoServerRuns(Exception):
    """No server with a database of its own runs in this folder."""


def running_database_url(data: Path) -> str:
    """Return the `postgresql://` address of the database that `up` runs in a data folder.

    Raises:
        NoServerRuns: it runs none, or one that was given as MODICUM_DATABASE_URL.
        PermissionError: the server belongs to another user.
    """
    note = data / "postgres" / SOCKET_NOTE
    try:
        folder = Path(note.read_text())
        there = (folder / SOCKET).exists()
    except (FileNotFoundError, NotADirectoryError):
        there = False
    if not there:
        raise NoServerRuns(
            f"no server with a database of its own runs in {data}; start one with `modicum-server up`, name the folder "
            "of one with --data, or set MODICUM_DATABASE_URL"
        )
    return url_of(folder)
