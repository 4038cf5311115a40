"""PgBouncer in front of a database. Each transaction may get another of its few sessions, and nothing is prepared."""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import psycopg

from tests import machine
from tests.waiting import eventually

CONFIGURATION = """
[databases]
* = host={behind} user={role}

[pgbouncer]
pool_mode = transaction
auth_type = any
listen_addr =
listen_port = 5432
unix_socket_dir = {folder}
default_pool_size = {sessions}
max_prepared_statements = 0
{user}
"""
PATIENCE_SECONDS = 30
START_SECONDS = 30


class Pooler:
    """A PgBouncer that can be killed and started again at the same address, `url`."""

    def __init__(self, database_url: str, folder: Path, *, sessions: int) -> None:
        """Take the address of the database, the folder for the pooler's socket, and how many sessions it has."""
        behind = parse_qs(urlsplit(database_url).query)["host"][0]
        owner = pwd.getpwuid(Path(behind).stat().st_uid).pw_name  # who may reach the database
        shutil.chown(folder, owner)
        _let_in(owner, database_url)
        self.url = database_url.replace(quote(behind, safe=""), quote(str(folder), safe=""))
        self._file = folder / "pgbouncer.ini"
        user = f"user = {owner}" if os.geteuid() == 0 else ""  # it refuses to run as root
        places = {"behind": behind, "role": urlsplit(database_url).username, "folder": folder}
        self._file.write_text(CONFIGURATION.format(**places, sessions=sessions, user=user))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it serves."""
        command = [machine.program("pgbouncer", package="pgbouncer"), "--quiet", str(self._file)]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(self._serves, "the pooler to serve", seconds=START_SECONDS)

    def kill(self) -> None:
        """Kill it, with every connection through it."""
        assert self._process is not None, "it does not run"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait(PATIENCE_SECONDS)

    def _serves(self) -> bool:
        with contextlib.suppress(psycopg.Error), psycopg.connect(self.url, prepare_threshold=None) as connection:
            return connection.execute("SELECT true").fetchone() == (True,)
        return False


def _let_in(user: str, database_url: str) -> None:
    """Let this user of the operating system connect to the database. Its own files let in only who started it."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        (file,) = connection.execute("SHOW ident_file").fetchone() or ("",)
        role = connection.info.user
        Path(file).write_text(f'{Path(file).read_text()}owner "{user}" {role}\n')
        connection.execute("SELECT pg_reload_conf()")


@contextmanager
def pooled(database_url: str, *, sessions: int = 3) -> Iterator[Pooler]:
    """Yield a running pooler in front of a database that has its socket in a folder."""
    machine.program("pgbouncer", package="pgbouncer")
    folder = Path(tempfile.mkdtemp(prefix="mb-"))
    pooler = Pooler(database_url, folder, sessions=sessions)
    try:
        pooler.start()
        yield pooler
    finally:
        with contextlib.suppress(ProcessLookupError):
            pooler.kill()
        shutil.rmtree(folder, ignore_errors=True)
