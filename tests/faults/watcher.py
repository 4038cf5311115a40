"""Watches an audit from its acknowledgement to its end, and keeps every snapshot."""

import threading
from time import monotonic, sleep

from modicum import AuditSnapshot, Client
from modicum.errors import Unreachable

#: Pause before the next attempt when the API is away.
AWAY_SECONDS = 1.0


class Watcher:
    """One watch in its own thread. It resumes after broken streams, as every client does."""

    def __init__(self, client: Client, name: str) -> None:
        self.name = name
        self.seen: list[AuditSnapshot] = []
        self.failure: Exception | None = None
        #: When the last snapshot came, by the monotonic clock.
        self.ended_at = 0.0
        self._client = client
        self._thread = threading.Thread(target=self._watch, name=f"watch-{name}", daemon=True)
        self._thread.start()

    def wait(self, seconds: float) -> None:
        """Wait for the end of the watch.

        Raises:
            AssertionError: the audit has not ended, or the watch failed for good.
        """
        self._thread.join(seconds)
        assert not self._thread.is_alive(), f"{self.name} has not ended after {seconds:.0f} s: {self.seen[-1:]}"
        assert self.failure is None, f"the watch of {self.name} broke for good: {self.failure!r}"

    @property
    def last(self) -> AuditSnapshot:
        """The last snapshot."""
        return self.seen[-1]

    def _watch(self) -> None:
        try:
            while not (self.seen and self.last.state.terminal):
                self._watch_until_away()
        except Exception as failure:  # noqa: BLE001 - raised by wait, in the test's thread
            self.failure = failure
        self.ended_at = monotonic()

    def _watch_until_away(self) -> None:
        """Watch once. If the API stays away longer than the client waits, watch again."""
        try:
            for snapshot in self._client.audits.get(self.name).watch():
                if not self.seen or snapshot.sequence != self.last.sequence:
                    self.seen.append(snapshot)
        except Unreachable:
            sleep(AWAY_SECONDS)
