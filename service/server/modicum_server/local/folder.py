"""The data folder of a local server: what lies where, who holds it, where it listens.

DIR/server.lock   held exclusively by the supervisor: one server a folder
DIR/users.lock    held shared by each command that uses the server; free means unused
DIR/start.lock    held by a command while it decides whether to attach or to start, by the server while it leaves
DIR/server.json   where it listens, there while it serves
DIR/token         the administrator's bearer token, mode 0600
DIR/postgres/     the database; DIR/artifacts/ the bytes; DIR/*.log what was said
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

TOKEN_BYTES = 32
LOCK_RETRY_SECONDS = 0.1
#: Others may enter the folder but not list it: as root, Postgres runs as `nobody` in a subfolder of its own.
FOLDER_MODE = 0o711


class FolderInUse(Exception):
    """A server already runs on this data folder."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Where a local server listens, as `DIR/server.json` tells it."""

    pid: int
    grpc_address: str
    http_address: str
    started: str

    @property
    def grpc_port(self) -> str:
        """Port of the gRPC API, in digits."""
        return self.grpc_address.rpartition(":")[2]

    @property
    def http_port(self) -> str:
        """Port of HTTP, in digits."""
        return self.http_address.rpartition(":")[2]


def default_folder() -> Path:
    """Return MODICUM_DATA, else the user's data folder; for root a system folder that Postgres' user can enter."""
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
        """Make the folder if it is not there; one that is there keeps its permissions."""
        if not path.is_dir():
            path.mkdir(parents=True)
            path.chmod(FOLDER_MODE)
        return cls(path.resolve())

    @contextmanager
    def held(self, *, wait_seconds: float = 0.0) -> Iterator[None]:
        """Hold the folder for this server; wait for one that is just leaving.

        Raises:
            FolderInUse: another server runs on it.
        """
        with (self.path / "server.lock").open("a") as lock:
            end = time.monotonic() + wait_seconds
            while not _lock_exclusively(lock):
                if time.monotonic() >= end:
                    raise FolderInUse(
                        f"a server already runs on {self.path}: use it, stop it, or choose another folder with --data"
                    )
                time.sleep(LOCK_RETRY_SECONDS)
            yield

    def leave_if_unused(self) -> bool:
        """Withdraw the announcement if no command uses the server; a command that is about to attach comes first."""
        with (self.path / "start.lock").open("a") as start, (self.path / "users.lock").open("a") as users:
            if not (_lock_exclusively(start) and _lock_exclusively(users)):
                return False
            self.withdraw()
            return True

    def token(self) -> str:
        """Return the administrator's token, made on the first call."""
        path = self.path / "token"
        if not path.exists():
            fresh = path.with_suffix(".new")
            fresh.unlink(missing_ok=True)
            descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(secrets.token_urlsafe(TOKEN_BYTES))
            fresh.rename(path)
        return path.read_text().strip()

    def announce(self, listening: Listening) -> None:
        """Say where the server listens."""
        fresh = self.path / "server.json.new"
        fresh.write_text(json.dumps(asdict(listening)))
        fresh.rename(self.path / "server.json")

    def withdraw(self) -> None:
        """No longer say so."""
        (self.path / "server.json").unlink(missing_ok=True)


def _lock_exclusively(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
