"""The parts of the service, each in its own process that is restarted whenever it ends, as an orchestrator does.

A part does not know the other parts or the faults. It starts, gets signals, is waited for, and writes a log.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from tests.living import lives
from tests.waiting import eventually

#: Seconds between the end of a part and its restart, as with an orchestrator.
RESTART_SECONDS = 0.2
#: Ends the process with the thread that started it. That thread lives as long as the part.
PARENT_DEATH = "modicum_server.torchserve.confinement.parent_death"


class Part:
    """One command of `modicum-server`, restarted until it is closed."""

    def __init__(
        self,
        name: str,
        words: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        *,
        ready: "Callable[[Part], bool]",
    ) -> None:
        """Take its name, arguments, environment and log. `ready` tells whether its process works."""
        self.name = name
        self.words = list(words)
        self.environment = dict(environment)
        self.log = log
        self._ready = ready
        self._kept, self._closed = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._keep, name=f"part-{name}", daemon=True)
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        #: Process ids by the application name of their database connections.
        self.applications: dict[str, int] = {}

    def start(self) -> None:
        """Start it and keep restarting it."""
        self._kept.set()
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether its current process works."""
        return self.alive and self._ready(self)

    def wait_ready(self) -> None:
        """Wait until its current or next process works."""
        eventually(lambda: self.ready, f"{self.name} to come up; {self.log}")

    @property
    def pid(self) -> int:
        """Process id of the current process."""
        assert self._process is not None, "start() comes first"
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether its current process runs."""
        return self._process is not None and self._process.poll() is None

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to its current process."""
        os.kill(self.pid, number)

    def kill(self) -> int:
        """Kill it (`kill -9`) and wait until it is gone. Return its process id. It restarts unless `away` is active."""
        pid = self.pid
        os.kill(pid, signal.SIGKILL)
        self.wait_gone(pid)
        return pid

    def terminate(self) -> float:
        """Send SIGTERM and wait until it is gone. Return the seconds that took. It restarts unless `away` is active."""
        pid, began = self.pid, time.monotonic()
        os.kill(pid, signal.SIGTERM)
        self.wait_gone(pid)
        return time.monotonic() - began

    def wait_gone(self, pid: int) -> None:
        """Wait until one of its processes is gone."""
        eventually(lambda: not lives(pid), f"process {pid} of {self.name} to be gone")

    @contextmanager
    def away(self) -> Iterator[None]:
        """Prevent restarts during the block."""
        self._kept.clear()
        try:
            yield
        finally:
            self._kept.set()

    def close(self, *, grace_seconds: float = 60.0) -> int | None:
        """End it for good with SIGTERM, then `kill -9`. Return its exit status."""
        self._closed.set()
        self._kept.set()
        process = self._process
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.terminate()
            self._thread.join(grace_seconds)
            process.kill()
        self._thread.join()
        return None if process is None else process.returncode

    def lines(self, *events: str, since: int = 0) -> list[dict[str, Any]]:
        """The lines of its log from the byte `since` on, optionally only those of the given events."""
        try:
            text = self.log.read_bytes()[since:].decode(errors="replace")
        except FileNotFoundError:
            return []
        found = []
        for line in text.splitlines():
            with contextlib.suppress(ValueError):
                entry = json.loads(line)
                if isinstance(entry, dict) and (not events or entry.get("event") in events):
                    found.append(entry)
        return found

    @property
    def log_bytes(self) -> int:
        """Length of its log."""
        return self.log.stat().st_size if self.log.exists() else 0

    def _keep(self) -> None:
        while not self._closed.is_set():
            self._kept.wait()
            if self._closed.is_set():
                return
            self._spawn().wait()
            self._closed.wait(RESTART_SECONDS)

    def _spawn(self) -> "subprocess.Popen[bytes]":
        self.starts += 1
        application = f"{self.name}-{self.starts}"
        tied_to_us = [sys.executable, "-m", PARENT_DEATH, str(os.getpid())]
        words = [*tied_to_us, sys.executable, "-m", "modicum_server.cli", *self.words]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                words,
                env={**self.environment, "PGAPPNAME": application},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.applications[application] = self._process.pid
        return self._process


def descendants(pid: int) -> set[psutil.Process]:
    """All living descendants of a process."""
    try:
        return set(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return set()


def command_line(process: psutil.Process) -> str:
    """Its command line, or an empty string when it is gone."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
