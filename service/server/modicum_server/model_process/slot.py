"""A slot's folder as the model process sees it: the task, its artifacts, the files `cancel` and `lease`. Only reads."""

import os
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from modicum_server.generated.worker_pb2 import Task
from modicum_server.model_process.endpoint_models import Line
from modicum_server.model_process.failure_reasons import TaskFailure
from modicum_server.model_process.threads_beside import thread_beside

LEASE_SECONDS = 15.0
"""When the lease was not touched for this long, its worker is gone."""
CANCEL_LOOK_SECONDS = 0.2
"""Least time between two looks for the file `cancel`."""
EXIT_CODE = 75
"""Exit status of a process that ended because of its lease."""
DIGEST_CHARACTERS = frozenset("0123456789abcdef")


class Slot:
    """One slot's folder. `line` is set while it has a task with an endpoint."""

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.folder = folder
        self.line: Line | None = None
        self._clock = clock
        self._looked, self._cancelled = float("-inf"), False

    def task(self) -> Task:
        """Read the task.

        Raises:
            TaskFailure: TASK_UNREADABLE.
        """
        try:
            return Task.FromString((self.folder / "task.binpb").read_bytes())
        except Exception as error:  # protobuf's error type differs between its implementations
            raise TaskFailure(
                "TASK_UNREADABLE", "the slot has no task that can be read", model_at_fault=False
            ) from error

    def artifact(self, digest: str) -> Path:
        """Return the path of an artifact.

        Raises:
            TaskFailure: ARTIFACT_MISSING.
        """
        path = self.folder / "artifacts" / digest
        if not digest or not DIGEST_CHARACTERS.issuperset(digest) or not path.is_file():
            raise TaskFailure(
                "ARTIFACT_MISSING",
                f"expected artifact {digest[:12]} in the slot, but it is missing",
                model_at_fault=False,
            )
        return path

    def cancelled(self) -> bool:
        """Return whether the file `cancel` exists. True is final."""
        now = self._clock()
        if not self._cancelled and now - self._looked >= CANCEL_LOOK_SECONDS:
            self._looked = now
            self._cancelled = (self.folder / "cancel").exists()
        return self._cancelled


class LeaseWatch:
    """Ends the process when the lease is no longer touched, because nobody would read the results.

    It measures the time between changes of the file on a monotonic clock, so a change of the system clock does no harm.
    """

    def __init__(
        self,
        folder: Path,
        *,
        lease_seconds: float = LEASE_SECONDS,
        leave: Callable[[int], object] = os._exit,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._lease, self._lease_seconds, self._leave, self._clock = folder / "lease", lease_seconds, leave, clock
        self._touched, self._changed_at = self._read_time(), clock()

    def watching(self) -> AbstractContextManager[None]:
        """Watch within the block."""
        return thread_beside("lease-watch", self._watch)

    def expired(self) -> bool:
        """Look at the lease; whether it has not changed for `lease_seconds`."""
        touched, now = self._read_time(), self._clock()
        if touched != self._touched:
            self._touched, self._changed_at = touched, now
        return now - self._changed_at >= self._lease_seconds

    def _watch(self, done: threading.Event) -> None:
        while not done.wait(self._lease_seconds / 15):
            if self.expired():
                self._leave(EXIT_CODE)
                return

    def _read_time(self) -> int | None:
        try:
            return self._lease.stat().st_mtime_ns
        except OSError:
            return None
