"""Whether the service can serve: its database and its artifact store answer in time, and the schema is current."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from modicum_server.ports import ArtifactStore, Store

PING_SECONDS = 3.0


class Readiness:
    """Asks what the service depends on."""

    def __init__(self, store: Store, artifacts: ArtifactStore) -> None:
        self._store = store
        self._artifacts = artifacts

    async def check(self) -> Mapping[str, bool]:
        """Return for each dependency whether it answers, and whether the database's schema is current."""
        database, schema, artifact_store = await asyncio.gather(
            _answers(self._store.ping), _answers(self._store.require_schema), _answers(self._artifacts.ping)
        )
        return {"database": database, "schema": schema, "artifact_store": artifact_store}


async def _answers(question: Callable[[], Awaitable[None]]) -> bool:
    try:
        async with asyncio.timeout(PING_SECONDS):
            await question()
    except Exception:  # noqa: BLE001 - whatever went wrong, it did not answer
        return False
    return True
