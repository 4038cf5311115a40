"""Audits that go on all the time beside the faults of a soak; each has to end with the undisturbed result."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from modicum.errors import Unreachable

from tests.faults.documents import comparable
from tests.faults.fault import Reference, submitted
from tests.faults.stage import BESIDE, Stage

#: Until an API that is away is asked again.
AWAY_SECONDS = 1.0


class Traffic:
    """One audit after the other of the project beside, in a thread; paused while what is left behind is looked for."""

    def __init__(self, stage: Stage, reference: Reference) -> None:
        self._stage, self._reference = stage, reference
        self._wanted, self._resting, self._over = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._go_on, name="traffic", daemon=True)
        self.failure: Exception | None = None
        self.audits = 0

    @contextmanager
    def running(self) -> Iterator["Traffic"]:
        """Go on for the length of the block."""
        self._wanted.set()
        self._thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._wanted.set()
            self._thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Wait for the end of the audit under way, and ask for none during the block.

        Raises:
            Exception: what went wrong with one of its audits.
        """
        self._wanted.clear()
        while self._thread.is_alive() and not self._resting.wait(1.0):
            pass
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
                    self._audit_unless_away()
        except Exception as failure:  # noqa: BLE001 - raised again in the soak's thread
            self.failure = failure

    def _audit_unless_away(self) -> None:
        """Ask for one audit; while the API is away ask again, as every user would."""
        try:
            self._audit()
        except Unreachable:
            self._over.wait(AWAY_SECONDS)

    def _audit(self) -> None:
        audit = submitted(self._stage, BESIDE)
        audit.wait()
        assert comparable(audit) == self._reference.documents[BESIDE], f"expected the undisturbed result: {audit}"
        self.audits += 1
