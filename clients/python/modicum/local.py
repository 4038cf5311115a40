"""The local server: find it, start it where none runs, hold it while it is used.

The protocol, which `modicum-server up --until-unused` keeps from its side, lives in one data directory:

- `start.lock`: held exclusively while a client decides whether to start a server;
- `users.lock`: held shared by each client while it uses the server, which leaves once it holds it exclusively;
- `server.json`: pid, grpc_address, http_address, started; written whole once the server answers;
- `token`: the bearer token, readable by its owner only;
- `server.log`: what the server says.
"""

import contextlib
import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from modicum.endpoints import Endpoint, parsed_endpoint
from modicum.errors import LocalServerError, ServerDidNotStart, ServerNotInstalled

if sys.platform != "win32":
    import fcntl

START_SECONDS = 180.0
STOP_SECONDS = 20.0
#: How long an interrupted command waits for a server that it has just told to leave.
INTERRUPTED_STOP_SECONDS = 0.5
POLL_SECONDS = 0.05
CONNECT_SECONDS = 2.0
LOG_LINES_SHOWN = 4
#: Others may enter but not list: run by root, the server's Postgres is another user in a folder of its own below.
FOLDER_MODE = 0o711
ROOT_DATA = Path("/var/lib/modicum")


class Attachment:
    """A server to use; for a local one, the lock that keeps it alive until `release`."""

    def __init__(self, endpoint: Endpoint, users_lock: IO[bytes] | None = None) -> None:
        self.endpoint = endpoint
        self.released = False
        self._users_lock = users_lock

    def release(self) -> None:
        """Let go of it; again does nothing."""
        self.released = True
        if self._users_lock:
            self._users_lock.close()


@dataclass(frozen=True, slots=True)
class Running:
    """What server.json says."""

    pid: int
    grpc_address: str


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Where the local server's data is unless it is told: MODICUM_DATA, else the user's data folder."""
    if chosen := environment.get("MODICUM_DATA"):
        return Path(chosen)
    if os.geteuid() == 0:
        return ROOT_DATA
    home = environment.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "modicum"


def attach(data: Path | None = None) -> Attachment:
    """Hold the local server of a data directory, starting one where none runs.

    Raises:
        ServerNotInstalled: none runs and none is installed.
        ServerDidNotStart: it ended, or did not answer in time; its log's end is in the message.
        LocalServerError: the directory cannot be used.
    """
    folder = (data or data_folder()).absolute()
    if sys.platform == "win32":
        raise LocalServerError("a local server needs Linux or macOS: set MODICUM_ADDRESS to a server elsewhere")
    try:
        _make(folder)
        with _locked(folder / "start.lock", fcntl.LOCK_EX):
            users_lock = (folder / "users.lock").open("ab")
            try:
                fcntl.flock(users_lock, fcntl.LOCK_SH)
                running = answering(folder) or _started(folder)
                token = (folder / "token").read_text(encoding="utf-8").strip()
                return Attachment(parsed_endpoint(running.grpc_address, token), users_lock)
            except BaseException:
                users_lock.close()
                raise
    except OSError as error:
        raise LocalServerError(
            f"{error.filename or folder}: the local server needs a data directory that it may write, but: "
            f"{error.strerror}; choose another with MODICUM_DATA"
        ) from error


def _make(folder: Path) -> None:
    """Make it as the server would; one that is there keeps its permissions."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(FOLDER_MODE)


def token_for(endpoint: Endpoint, data: Path | None = None) -> str:
    """The token of the local server that listens on `endpoint`; empty where no such server is known."""
    folder = data or data_folder()
    if not endpoint.loopback:
        return ""
    try:
        running = _read(folder)
        if running and parsed_endpoint(running.grpc_address).port == endpoint.port:
            return (folder / "token").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
    return ""


def answering(folder: Path) -> Running | None:
    """The server that server.json names, if it lives and listens."""
    running = _read(folder)
    if not running:
        return None
    endpoint = parsed_endpoint(running.grpc_address)
    try:
        os.kill(running.pid, 0)
        with socket.create_connection((endpoint.host, endpoint.port), timeout=CONNECT_SECONDS):
            return running
    except PermissionError:
        return running
    except OSError:
        return None


def _read(folder: Path) -> Running | None:
    try:
        entry: dict[str, Any] = json.loads((folder / "server.json").read_text(encoding="utf-8"))
        return Running(int(entry["pid"]), str(entry["grpc_address"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _started(folder: Path) -> Running:
    """Start a server in a session of its own and wait until it answers; end it if that is interrupted."""
    log = folder / "server.log"
    if log.exists():
        log.replace(folder / "server.log.1")
    command = [*_program(), "up", "--data", str(folder), "--grpc-port", "0", "--http-port", "0", "--until-unused"]
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603  # our own program
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        running = _awaited(process, folder, log)
    except KeyboardInterrupt:
        _tell_to_leave(process)
        raise
    except BaseException:
        _stop(process)
        raise
    # It outlives this client; whenever it ends, no zombie is left.
    threading.Thread(target=process.wait, name="modicum-local-server", daemon=True).start()
    return running


def _awaited(process: subprocess.Popen[bytes], folder: Path, log: Path) -> Running:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            raise ServerDidNotStart(f"the local server ended with code {code}; the end of {log}:\n{_end_of(log)}")
        running = answering(folder)
        if running and running.pid == process.pid:
            return running
        time.sleep(POLL_SECONDS)
    raise ServerDidNotStart(
        f"the local server did not answer within {START_SECONDS:.0f} s; the end of {log}:\n{_end_of(log)}"
    )


def _tell_to_leave(process: subprocess.Popen[bytes]) -> None:
    """Nobody else uses it: `start.lock` is held. It ends by itself; the next one waits for that before it starts."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(INTERRUPTED_STOP_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask it to leave, and make it leave if it does not."""
    if process.poll() is not None:
        return
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _program() -> list[str]:
    """How to run the server: of this environment, else of PATH."""
    if importlib.util.find_spec("modicum_server"):
        return [sys.executable, "-m", "modicum_server.cli"]
    found = shutil.which("modicum-server")
    if not found:
        raise ServerNotInstalled
    return [found]


def _end_of(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-LOG_LINES_SHOWN:]) or "(empty)"


@contextlib.contextmanager
def _locked(path: Path, kind: int) -> Iterator[None]:
    with path.open("ab") as lock:
        fcntl.flock(lock, kind)
        yield
