"""Whether the service can serve: its database and its artifact store can be used, and the schema is current.

This is readiness, not liveness: restarting a process that waits for its database would not help.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from modicum_server.ports import ArtifactStore, Store

PING_SECONDS = 3.0

Check = Callable[[], Awaitable[None]]


class Readiness:
    """Checks what the service depends on."""

    def __init__(self, store: Store, artifacts: ArtifactStore, *, ping_seconds: float = PING_SECONDS) -> None:
        self._store = store
        self._artifacts = artifacts
        self._ping_seconds = ping_seconds
        self._asked: dict[str, asyncio.Task[bool]] = {}

    async def check(self) -> Mapping[str, bool]:
        """Return for each dependency whether it can be used. One that does not reply in time cannot."""
        for name, check in self._checks().items():
            # A check that hangs is not started again: each check of a disk that is away holds a thread.
            if name not in self._asked or self._asked[name].done():
                self._asked[name] = asyncio.create_task(_is_ready(check), name=f"readiness-{name}")
        await asyncio.wait(self._asked.values(), timeout=self._ping_seconds)
        return {name: task.done() and task.result() for name, task in self._asked.items()}

    def _checks(self) -> Mapping[str, Check]:
        return {
            "database": self._store.ping,
            "schema": self._store.require_schema,
            "artifact_store": self._artifacts.ping,
        }


async def _is_ready(check: Check) -> bool:
    try:
        await check()
    except Exception:  # noqa: BLE001 - whatever went wrong, it did not reply
        return False
    return True
