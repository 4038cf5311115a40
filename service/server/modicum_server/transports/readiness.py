"""Whether the service can serve: its database and its artifact store answer in time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from modicum_server.errors import Unavailable
from modicum_server.ports import ArtifactStore, Store

PING_SECONDS = 3.0


class Readiness:
    """Asks what the service depends on."""

    def __init__(self, store: Store, artifacts: ArtifactStore) -> None:
        self._pings: Mapping[str, Callable[[], Awaitable[None]]] = {
            "database": store.ping,
            "artifact_store": artifacts.ping,
        }

    async def check(self) -> Mapping[str, bool]:
        """Return for each dependency whether it answers."""
        answers = await asyncio.gather(*(_answers(ping) for ping in self._pings.values()))
        return dict(zip(self._pings, answers, strict=True))


async def _answers(ping: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(PING_SECONDS):
            await ping()
    except (Unavailable, TimeoutError, OSError):
        return False
    return True
