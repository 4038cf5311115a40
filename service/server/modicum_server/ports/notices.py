"""Notices from other processes: an audit changed, or there is work."""

from contextlib import AbstractAsyncContextManager
from typing import Protocol


class Changes(Protocol):
    """Notifications of changes by other processes, with one listener for each process. Several may arrive as one."""

    def watch(self, audit: str) -> AbstractAsyncContextManager["Watch"]: ...


class Watch(Protocol):
    """One audit's changes."""

    async def changed(self, timeout_seconds: float) -> None:
        """Return when the audit may have changed since the last call, or after the time."""


class Wakeups(Protocol):
    """Wakes workers; the rows of the store say what is to do."""

    async def wait(self, timeout_seconds: float) -> None:
        """Return when there may be work, or after the time."""
