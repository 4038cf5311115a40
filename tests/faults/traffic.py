"""Audits that run beside the faults of a soak. Each must end with the undisturbed result."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from modicum.errors import Unreachable

from tests.faults.documents import comparable
from tests.faults.fault import Reference, submitted
from tests.faults.stage import BESIDE, Stage
from tests.waiting import eventually

#: Pause before the next attempt when the API is away.
AWAY_SECONDS = 1.0


class Traffic:
    """Runs audits of the other project one after the other in a thread. It pauses while invariants are checked."""

    def __init__(self, stage: Stage, reference: Reference, *, away_seconds: float = AWAY_SECONDS) -> None:
        self._stage, self._reference, self._away_seconds = stage, reference, away_seconds
        self._wanted, self._resting, self._over = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="traffic", daemon=True)
        self.failure: Exception | None = None
        self.audits = 0

    @contextmanager
    def running(self) -> Iterator["Traffic"]:
        """Run audits during the block.

        Raises:
            Exception: one of its audits failed, possibly after the last fault.
        """
        self._wanted.set()
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._wanted.set()
            self._thread.join(self._reference.patience_seconds)
        assert not self._thread.is_alive(), "expected the last audit beside the faults to end; it has not"
        if self.failure is not None:
            raise self.failure

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Wait for the current audit to end, and request none during the block.

        Raises:
            Exception: one of its audits failed.
        """
        self._wanted.clear()
        eventually(
            lambda: self._resting.is_set() or not self._thread.is_alive(),
            "the audit beside the faults to end",
            seconds=self._reference.patience_seconds,
        )
        if self.failure is not None:
            raise self.failure
        try:
            yield
        finally:
            self._wanted.set()

    def _go_on(self) -> None:
        try:
            while not self._over.is_set():
                if not self._wanted.is_set():
                    self._resting.set()
                    self._wanted.wait()
                    self._resting.clear()
                else:
                    self._audit()
        except Exception as failure:  # noqa: BLE001 - raised again in the soak's thread
            self.failure = failure

    def _audit(self) -> None:
        """Request one audit and wait for its result. While the API is away, return to try again later."""
        try:
            audit = submitted(self._stage, BESIDE)
        except Unreachable:
            self._over.wait(self._away_seconds)
            return
        document = self._document(audit)
        assert document == self._reference.documents[BESIDE], f"expected the undisturbed result: {audit}"
        self.audits += 1

    def _document(self, audit: Any) -> dict[str, Any]:
        """The result of an acknowledged audit, however long the API is away."""
        while True:
            try:
                audit.wait()
                return comparable(audit)
            except Unreachable:
                time.sleep(self._away_seconds)
