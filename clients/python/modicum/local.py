"""The local server: find it, start it if none runs, and keep it running while it is used.

Clients and `modicum-server up --until-unused` communicate through files in the data folder:

- `start.lock`: a client holds it exclusively while it looks for a server and starts one;
- `users.lock`: each client holds it shared while it uses the server; the server stops when it can lock it exclusively;
- `server.json`: pid, grpc_address, http_address, started; written in one step when the server is ready;
- `token`: the bearer token, readable by its owner only;
- `server.log`: the log of the server.
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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

from modicum.endpoints import Endpoint, parsed_endpoint
from modicum.errors import LocalServerError, ServerDidNotStart, ServerNotInstalled

if sys.platform != "win32":
    import fcntl

START_SECONDS = 180.0
STOP_SECONDS = 20.0
#: How long an interrupted command waits for the server that it was starting to stop.
INTERRUPTED_STOP_SECONDS = 0.5
POLL_SECONDS = 0.05
CONNECT_SECONDS = 2.0
LOG_LINES_SHOWN = 4
#: Others may enter but not list it: if root runs the server, Postgres runs as another user in a folder below.
FOLDER_MODE = 0o711
ROOT_DATA = Path("/var/lib/modicum")


class Attachment:
    """A server to use. For a local server it holds the lock that keeps the server running until `release`."""

    def __init__(self, endpoint: Endpoint, users_lock: IO[bytes] | None = None) -> None:
        self.endpoint = endpoint
        self.released = False
        self._users_lock = users_lock

    def with_token(self, token: str) -> "Attachment":
        """The same, whose calls carry this token if it is not empty."""
        if token:
            self.endpoint = replace(self.endpoint, token=token)
        return self

    def release(self) -> None:
        """Release the server. Releasing twice does nothing."""
        self.released = True
        if self._users_lock:
            self._users_lock.close()


@dataclass(frozen=True, slots=True)
class Running:
    """The content of server.json."""

    pid: int
    grpc_address: str


def data_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """The default data folder of the local server: MODICUM_DATA, else the user's data folder."""
    if chosen := environment.get("MODICUM_DATA"):
        return Path(chosen)
    if os.geteuid() == 0:
        return ROOT_DATA
    home = environment.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "modicum"


def attach(data: Path | None = None, *, start_seconds: float = START_SECONDS) -> Attachment:
    """Use the local server of a data folder; start one if none runs, which may take so long.

    Raises:
        ServerNotInstalled: no server runs, and none is installed.
        ServerDidNotStart: it ended, or was not ready in time. The message has the end of its log.
        LocalServerError: the data folder cannot be used.
    """
    folder = (data or data_folder()).absolute()
    if sys.platform == "win32":
        raise LocalServerError("a local server needs Linux; set MODICUM_ADDRESS to the address of a server")
    try:
        _make(folder)
        with _locked(folder / "start.lock", fcntl.LOCK_EX):
            users_lock = (folder / "users.lock").open("ab")
            try:
                fcntl.flock(users_lock, fcntl.LOCK_SH)
                running = running_server(folder) or _started(folder, start_seconds)
                token = (folder / "token").read_text(encoding="utf-8").strip()
                return Attachment(parsed_endpoint(running.grpc_address, token), users_lock)
            except BaseException:
                users_lock.close()
                raise
    except OSError as error:
        raise LocalServerError(
            f"{error.filename or folder}: the data folder of the local server cannot be written: {error.strerror}; "
            "choose another folder with MODICUM_DATA"
        ) from error


def _make(folder: Path) -> None:
    """Create the folder as the server does. An existing folder keeps its permissions."""
    if not folder.is_dir():
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(FOLDER_MODE)


def token_for(endpoint: Endpoint, data: Path | None = None) -> str:
    """The token of the local server that listens on `endpoint`; empty if there is no such server."""
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


def running_server(folder: Path) -> Running | None:
    """The server that server.json names, if it runs and listens."""
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


def _started(folder: Path, start_seconds: float) -> Running:
    """Start a server in its own session and wait until it is ready. Stop it if the wait is interrupted."""
    log = folder / "server.log"
    if log.exists():
        log.replace(folder / "server.log.1")
    command = [*_program(), "up", "--data", str(folder), "--grpc-port", "0", "--http-port", "0", "--until-unused"]
    # The server cuts its log when it has become large, so this must append.
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as output:
        process = subprocess.Popen(  # noqa: S603  # our own program
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    try:
        running = _awaited(process, folder, log, start_seconds)
    except KeyboardInterrupt:
        _ask_to_stop(process)
        raise
    except BaseException:
        _stop(process)
        raise
    # The server outlives this client. The thread collects its exit status, so that no zombie is left.
    threading.Thread(target=process.wait, name="modicum-local-server", daemon=True).start()
    return running


def _awaited(process: subprocess.Popen[bytes], folder: Path, log: Path, start_seconds: float) -> Running:
    deadline = time.monotonic() + start_seconds
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            raise ServerDidNotStart(f"the local server ended with exit code {code}; the end of {log}:\n{_end_of(log)}")
        running = running_server(folder)
        if running and running.pid == process.pid:
            return running
        time.sleep(POLL_SECONDS)
    raise ServerDidNotStart(
        f"the local server was not ready after {start_seconds:g} s; the end of {log}:\n{_end_of(log)}"
    )


def _ask_to_stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to stop, and wait briefly. `start.lock` is held, so no other client uses it."""
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(INTERRUPTED_STOP_SECONDS)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the server to stop, and kill it if it does not."""
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
    """The command that runs the server: of this environment, else from PATH."""
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
