"""Whether the service can serve: its database and its artifact store answer in time."""

import asyncio
from collections.abc import Mapping

from modicum_server.ports import ArtifactStore, Store

PING_SECONDS = 3.0


class Readiness:
    """Asks what the service depends on."""

    def __init__(self, store: Store, artifacts: ArtifactStore) -> None:
        self._store = store
        self._artifacts = artifacts

    async def check(self) -> Mapping[str, bool]:
        """Return for each dependency whether it answers."""
        database, artifact_store = await asyncio.gather(_answers(self._store), _answers(self._artifacts))
        return {"database": database, "artifact_store": artifact_store}


async def _answers(dependency: Store | ArtifactStore) -> bool:
    try:
        async with asyncio.timeout(PING_SECONDS):
            await dependency.ping()
    except Exception:  # noqa: BLE001 - whatever went wrong, it did not answer
        return False
    return True
