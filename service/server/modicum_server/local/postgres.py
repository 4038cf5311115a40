"""PostgreSQL for one machine: a child of this process, from the binaries of a wheel, with nothing to install.

It listens on a Unix socket in a short private folder, and on no port. Only the user who starts it can connect. It ends
when this process ends, however that happens. When started by root it runs as a user of its own (`postgres_user`). It
changes no permissions outside the data folder, and knows nothing of what is stored.
"""

import asyncio
import contextlib
import fcntl
import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from modicum_server.local.postgres_binaries import LocalPostgresError, open_to_others, program_of
from modicum_server.local.postgres_roles import DATABASE, OWNER, SERVICE, access_rules, create_database, url_of
from modicum_server.local.postgres_user import hand_over, postgres_user

#: The file, beside the cluster, that names the folder of the socket.
SOCKET_NOTE = "socket-folder"
START_TIMEOUT_SECONDS = 60.0
STOP_TIMEOUT_SECONDS = 30.0
#: A child whose parent was killed needs a moment to shut down. After this time the folder counts as in use.
LOCK_TIMEOUT_SECONDS = 3.0
#: The children of a killed postmaster end by themselves, at the latest with their query.
ORPHANS_TIMEOUT_SECONDS = 60.0
POLL_SECONDS = 0.02
LOG_TAIL_LINES = 12
#: The line of postmaster.pid with the state of the server, counted from 1.
PID_FILE_STATUS_LINE = 8
#: The path of a Unix socket has at most about 107 bytes, of which PostgreSQL's file name takes 17.
MAX_SOCKET_FOLDER_BYTES = 88

#: Becomes the user, asks the kernel for `signal` at the death of its parent, and becomes the program. The order
#: matters, because a change of user cancels the request. Comparing the parent's pid finds a parent that died before the
#: request.
LAUNCHER = """
import ctypes, os, sys
parent, number, uid, gid = map(int, sys.argv[1:5])
if uid != os.geteuid():
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
if sys.platform == "linux":
    ctypes.CDLL(None, use_errno=True).prctl(1, number)
if os.getppid() != parent:
    sys.exit("the process that started this one has ended")
os.umask(0o077)
os.execv(sys.argv[5], sys.argv[5:])
"""

SETTINGS: Mapping[str, str] = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "200",
    "shared_buffers": "64MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "logging_collector": "off",
}


class EndedAtStartError(LocalPostgresError):
    """PostgreSQL ended while it started."""


class FolderInUseError(LocalPostgresError):
    """Another process runs PostgreSQL on this folder."""


class EmbeddedPostgres:
    """PostgreSQL on `data_folder`, which it owns. It ends with the thread that starts it."""

    def __init__(
        self,
        data_folder: Path,
        *,
        settings: Mapping[str, str] | None = None,
        lock_timeout_seconds: float = LOCK_TIMEOUT_SECONDS,
        runs_as: pwd.struct_passwd | None = None,
    ) -> None:
        """Take the folder, which is created if missing, and settings of postgresql.conf that differ from ours.

        It runs as the user `runs_as`, without one as `postgres_user` says.
        """
        self._folder = data_folder.absolute()
        self._settings = {**SETTINGS, **(settings or {})}
        self._lock_timeout_seconds = lock_timeout_seconds
        self._owner = runs_as or postgres_user()
        self._process: subprocess.Popen[bytes] | None = None
        self._socket_folder: Path | None = None
        self._lock_file: int | None = None

    @property
    def url(self) -> str:
        """The `postgresql://` address of the database for its owner. It exists after `reserve`, works after `start`."""
        return self._url_of(OWNER)

    @property
    def service_url(self) -> str:
        """The same for the role that serves, which owns nothing. `migrate` gives it its rights."""
        return self._url_of(SERVICE)

    def _url_of(self, role: str) -> str:
        if self._socket_folder is None:
            raise LocalPostgresError("the local PostgreSQL is not running; start() it first")
        return url_of(self._socket_folder, role)

    @property
    def pid(self) -> int | None:
        """Process id of the running server."""
        return self._process.pid if self._process else None

    async def reserve(self) -> None:
        """Lock the folder and choose the address, so that others can get it while the server starts.

        Raises:
            FolderInUseError: another process runs on the folder.
            LocalPostgresError: it cannot run here.
        """
        _make_private(self._folder, self._owner)
        await self._lock(self._lock_timeout_seconds)
        try:
            if os.geteuid() == 0:
                hand_over(self._folder, self._owner)
            if self.log.exists():
                self.log.replace(self.log.with_suffix(".log.1"))
            _forget_dead_server(self._cluster)
            self._socket_folder = self._new_socket_folder()
        except BaseException:
            await self.stop()
            raise

    async def start(self) -> None:
        """Start it and return when it accepts connections. Reserves the folder and creates the cluster if needed.

        Raises:
            FolderInUseError: another process runs on the folder.
            LocalPostgresError: it cannot run here, or did not start; the end of its log is in the message.
        """
        if self._socket_folder is None:
            await self.reserve()
        try:
            program = program_of(self._folder, self._owner)
            if not (self._cluster / "PG_VERSION").exists():
                await self._initialise(program)
            self._write_access_rules()
            self._process = self._spawn(program)
            await self._wait_until_ready()
        except BaseException:
            await self.stop()
            raise

    async def ended(self) -> int:
        """Wait until the server ends, and return its exit code."""
        assert self._process is not None, "start() comes first"
        return await _ended(self._process, None)

    @property
    def ending(self) -> bool:
        """Whether the server is stopping: it accepts no new connections, and may wait for the old ones for ever."""
        try:
            lines = (self._cluster / "postmaster.pid").read_text().split("\n")
        except OSError:
            return False
        return len(lines) >= PID_FILE_STATUS_LINE and lines[PID_FILE_STATUS_LINE - 1].strip() == "stopping"

    async def end_now(self) -> None:
        """Stop the server without waiting for its connections. Its folder and address stay reserved."""
        assert self._process is not None, "start() comes first"
        await _end(self._process)

    async def start_again(self) -> None:
        """Restart a server that ended by itself, on the same address, when the processes that it left have ended.

        Raises:
            EndedAtStartError: it ended again while it started; it can be restarted again.
            LocalPostgresError: the processes that it left do not end, or it accepts no connections.
        """
        assert self._lock_file is not None, "start() comes first"
        os.close(self._lock_file)  # the processes that it left hold this lock too, so taking a new one waits for them
        self._lock_file = None
        await self._lock(ORPHANS_TIMEOUT_SECONDS)
        _forget_dead_server(self._cluster)
        assert self._socket_folder is not None
        for left in self._socket_folder.iterdir():
            left.unlink()
        self._process = self._spawn(program_of(self._folder, self._owner))
        await self._wait_until_ready()

    async def stop(self) -> None:
        """Stop it; open transactions are rolled back. No effect when it does not run."""
        if self._process is not None:
            await _end(self._process)
            self._process = None
        if self._socket_folder is not None:
            shutil.rmtree(self._socket_folder, ignore_errors=True)
            self._socket_folder = None
        if self._lock_file is not None:
            os.close(self._lock_file)
            self._lock_file = None

    @property
    def _cluster(self) -> Path:
        return self._folder / "cluster"

    @property
    def log(self) -> Path:
        """The log since it was reserved. The log before is in `postgres.log.1`."""
        return self._folder / "postgres.log"

    async def _lock(self, timeout_seconds: float) -> None:
        """Lock the folder. The server inherits the lock, which is therefore free only when both are gone."""
        self._lock_file = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while True:
            try:
                fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if asyncio.get_running_loop().time() > deadline:
                    os.close(self._lock_file)
                    self._lock_file = None
                    raise FolderInUseError(
                        f"another process runs PostgreSQL in {self._folder}; use its server, or choose another folder"
                    ) from None
                await asyncio.sleep(POLL_SECONDS)
            else:
                return

    async def _initialise(self, program: Path) -> None:
        """Create the cluster in another folder and move it to its place, so that an incomplete one is never used."""
        unfinished = self._folder / "cluster.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        options = ["--username", OWNER, "--auth", "peer", "--encoding", "UTF8", "--no-instructions"]
        options += ["--locale-provider", "builtin", "--locale", "C.UTF-8", "--pgdata", str(unfinished)]
        if sys.platform == "linux":
            options += ["--sync-method", "syncfs"]  # one call for all files: a third of the time
        process = self._launch([str(program / "bin" / "initdb"), *options])
        try:
            code = await _ended(process, START_TIMEOUT_SECONDS)
        except BaseException:
            await _end(process)
            raise
        if code != 0:
            raise LocalPostgresError(f"PostgreSQL could not create its files in {self._folder}:\n{self._log_tail()}")
        unfinished.rename(self._cluster)

    def _write_access_rules(self) -> None:
        """Allow only the operating system's user who starts it to connect, over the socket."""
        user = pwd.getpwuid(os.geteuid()).pw_name
        for name, text in access_rules(user).items():
            (self._cluster / name).write_text(text)

    def _new_socket_folder(self) -> Path:
        """Create a short private folder for the socket, and delete the one that a killed process left."""
        note = self._folder / SOCKET_NOTE
        if left := _own_text(note):
            shutil.rmtree(left, ignore_errors=True)
        note.unlink(missing_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="modicum-pg-"))
        note.write_text(str(folder))
        if len(os.fsencode(folder)) > MAX_SOCKET_FOLDER_BYTES:
            folder.rmdir()
            raise LocalPostgresError(
                f"the path {folder.parent} is too long for a socket; set TMPDIR to a folder with a shorter path"
            )
        if os.geteuid() == 0:
            os.chown(folder, self._owner.pw_uid, self._owner.pw_gid)
        return folder

    def _spawn(self, program: Path) -> "subprocess.Popen[bytes]":
        options = {**self._settings, "unix_socket_directories": str(self._socket_folder)}
        arguments = [str(program / "bin" / "postgres"), "-D", str(self._cluster)]
        arguments += [f"--{name}={value}" for name, value in options.items()]
        return self._launch(arguments)

    def _launch(self, command: Sequence[str]) -> "subprocess.Popen[bytes]":
        """Run a program as the owner, in a new session, so that Ctrl-C in the terminal does not reach it."""
        assert self._lock_file is not None
        launcher = [sys.executable, "-I", "-S", "-c", LAUNCHER]
        facts = [str(os.getpid()), str(int(signal.SIGINT)), str(self._owner.pw_uid), str(self._owner.pw_gid)]
        appending = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
        with os.fdopen(appending, "ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own programs and arguments
                [*launcher, *facts, *command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(self._folder)},
                pass_fds=(self._lock_file,),
                start_new_session=True,
            )

    async def _wait_until_ready(self) -> None:
        import psycopg  # noqa: PLC0415 - read while PostgreSQL starts, not before

        assert self._process is not None
        template = self.url.replace(f"/{DATABASE}?", "/postgres?")
        deadline = asyncio.get_running_loop().time() + START_TIMEOUT_SECONDS
        while asyncio.get_running_loop().time() < deadline:
            if self._process.poll() is not None:
                raise EndedAtStartError(f"PostgreSQL ended during its start:\n{self._log_tail()}")
            try:
                connection = await psycopg.AsyncConnection.connect(template, autocommit=True)
            except psycopg.OperationalError:
                await asyncio.sleep(POLL_SECONDS)
                continue
            async with connection:
                await create_database(connection)
            return
        raise LocalPostgresError(
            f"PostgreSQL did not respond within {START_TIMEOUT_SECONDS:.0f} s:\n{self._log_tail()}"
        )

    def _log_tail(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError:
            return "(no log)"
        return "\n".join(lines[-LOG_TAIL_LINES:])


async def _ended(process: "subprocess.Popen[bytes]", timeout_seconds: float | None) -> int:
    """Wait for the end of a process without a thread or a signal handler, and return its exit code."""
    async with asyncio.timeout(timeout_seconds):
        while (code := process.poll()) is None:  # noqa: ASYNC110 - nothing tells of a child's end without a thread
            await asyncio.sleep(POLL_SECONDS)
    return code


async def _end(process: "subprocess.Popen[bytes]") -> None:
    """Request a fast shutdown; kill the server and its children if they do not end."""
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)
    try:
        await _ended(process, STOP_TIMEOUT_SECONDS)
    except TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _own_text(path: Path) -> str:
    """Return what we wrote into a file; nothing where the user that PostgreSQL runs as put another in its place."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return ""
    with os.fdopen(descriptor) as file:
        facts = os.fstat(descriptor)
        return file.read() if stat.S_ISREG(facts.st_mode) and facts.st_uid == os.geteuid() else ""


def _make_private(folder: Path, owner: pwd.struct_passwd) -> None:
    """Create the data folder for one user alone, who must be able to enter the folders above."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if os.geteuid() == 0:
        blocked = next((parent for parent in folder.parents if not open_to_others(parent, 0o001)), None)
        if blocked is not None:
            raise LocalPostgresError(
                f"root runs PostgreSQL as {owner.pw_name!r}, who may not enter {blocked}; choose a data folder "
                "that others can reach, such as /var/lib/modicum, or do not run as root"
            )
    folder.chmod(0o700)


def _forget_dead_server(cluster: Path) -> None:
    """Delete the pid file that a killed server left, because a recycled pid would keep PostgreSQL from starting.

    We hold the folder's lock, which every server of ours inherits, so none of them is alive. A server that was started
    in another way is found by its command line.
    """
    pid_file = cluster / "postmaster.pid"
    try:
        pid = int(pid_file.read_text().split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        pid_file.unlink(missing_ok=True)
        return
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        command = b""
    if b"postgres" in command and os.fsencode(cluster) in command:
        raise FolderInUseError(f"PostgreSQL already runs in {cluster} as process {pid}; stop it first")
    pid_file.unlink(missing_ok=True)
