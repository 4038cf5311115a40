"""The data folder of a local server: its files, its locks, and the addresses of the server.

DIR/server.lock   held exclusively by the supervisor: one server for each folder
DIR/users.lock    shared by all commands that use the server; free means unused
DIR/start.lock    held by a command that decides whether to attach or to start, and by a server that leaves
DIR/server.json   the addresses of the server, while it serves
DIR/token         the administrator's bearer token, mode 0600
DIR/endpoints.json  the endpoints that projects may audit
DIR/postgres/     the database; DIR/artifacts/ the artifacts; DIR/*.log the logs
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from modicum_server.usecases.bearer_tokens import new_token

LOCK_RETRY_SECONDS = 0.1
#: A server that stops finishes its work first.
LEAVING_SECONDS = 30.0
#: Others may enter the folder but not list it, because under root Postgres runs as another user in a subfolder.
FOLDER_MODE = 0o711
#: What only the server itself reads.
PRIVATE_FOLDERS = ("artifacts", "run")
ENDPOINTS_FILE = "endpoints.json"


class FolderInUse(Exception):
    """A server already runs on this data folder."""


@dataclass(frozen=True, slots=True)
class ServerAddresses:
    """The addresses of a local server, as they are in `DIR/server.json`."""

    pid: int
    grpc_address: str
    http_address: str
    started: str

    @property
    def grpc_port(self) -> str:
        """The gRPC port, in digits."""
        return self.grpc_address.rpartition(":")[2]

    @property
    def http_port(self) -> str:
        """The HTTP port, in digits."""
        return self.http_address.rpartition(":")[2]


def default_folder() -> Path:
    """Return MODICUM_DATA, otherwise the user's data folder, or for root a system folder that Postgres can enter."""
    if (chosen := os.environ.get("MODICUM_DATA")) is not None:
        return Path(chosen)
    if os.geteuid() == 0:
        return Path("/var/lib/modicum")
    home = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) / "modicum"


@dataclass(frozen=True, slots=True)
class DataFolder:
    """A data folder that exists."""

    path: Path

    @classmethod
    def create(cls, path: Path) -> "DataFolder":
        """Create the folder if it is missing. An existing one keeps its permissions."""
        if not path.is_dir():
            path.mkdir(parents=True)
            path.chmod(FOLDER_MODE)
        return cls(path.resolve())

    @contextmanager
    def held(self, *, wait_seconds: float = 0.0, leaving_seconds: float = LEAVING_SECONDS) -> Iterator[None]:
        """Lock the folder for this server. Waits for a server that is leaving, or has not started yet.

        Args:
            wait_seconds: how long to wait for any server.
            leaving_seconds: how long to wait for one that announces no address.

        Raises:
            FolderInUse: another server runs on it.
        """
        with (self.path / "server.lock").open("a") as lock:
            begin = time.monotonic()
            while not _lock_exclusively(lock):
                waited, announced = time.monotonic() - begin, (self.path / "server.json").exists()
                if waited >= (wait_seconds if announced else max(wait_seconds, leaving_seconds)):
                    raise FolderInUse(self._in_use() if announced else self._starting_or_stopping())
                time.sleep(LOCK_RETRY_SECONDS)
            yield

    def _in_use(self) -> str:
        return f"a server already runs in {self.path}; use it, stop it, or choose another --data"

    def _starting_or_stopping(self) -> str:
        return f"a server is starting or stopping in {self.path}; try again in a minute, or choose another --data"

    def close_to_others(self) -> None:
        """Let nobody else read what is in the folder, also what earlier releases left open. Postgres closes its own."""
        for name in PRIVATE_FOLDERS:
            (self.path / name).mkdir(mode=0o700, exist_ok=True)
        for path in self.path.iterdir():
            if path.name != "postgres" and not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)

    def withdraw_if_unused(self) -> bool:
        """Remove the announcement unless a command uses the server or is about to attach; return whether it did."""
        with (self.path / "start.lock").open("a") as start, (self.path / "users.lock").open("a") as users:
            if not (_lock_exclusively(start) and _lock_exclusively(users)):
                return False
            self.withdraw()
            return True

    def token(self) -> str:
        """Return the administrator's token, which the first call creates."""
        path = self.path / "token"
        if not path.exists():
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(new_token())
            fresh.rename(path)
        return path.read_text().strip()

    def announce(self, addresses: ServerAddresses) -> None:
        """Write the addresses of the server."""
        fresh = self.path / "server.json.new"
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(addresses)))
        fresh.rename(self.path / "server.json")

    def withdraw(self) -> None:
        """Remove the announcement."""
        (self.path / "server.json").unlink(missing_ok=True)


def _lock_exclusively(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
