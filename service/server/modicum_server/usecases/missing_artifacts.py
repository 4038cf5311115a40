"""Which of many artifacts a project does not hold. Other calls go on after a batch of them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from modicum_server.domain.batches import batches
from modicum_server.ports import ArtifactStore, Store
from modicum_server.usecases.rules import check

#: Digests that are checked in one round of the event loop, and that one statement asks for.
DIGESTS_AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class MissingArtifact:
    """A digest that a project does not hold, and how many of its bytes a broken upload left."""

    digest: str
    received_bytes: int


async def check_digests(digests: Sequence[str]) -> None:
    """Check the digests of a request.

    Raises:
        FieldInvalid
    """
    check("digests", digests)
    for some in batches(enumerate(digests), DIGESTS_AT_ONCE):
        for place, digest in some:
            check(f"digests[{place}]", digest, "digest")
        await asyncio.sleep(0)


async def missing_artifacts(
    store: Store, artifacts: ArtifactStore, project: str, digests: Sequence[str]
) -> list[MissingArtifact]:
    """Return the digests that the project does not hold, each once, in their order."""
    missing: set[str] = set()
    async with store.transaction() as transaction:
        for some in batches(sorted(set(digests)), DIGESTS_AT_ONCE):  # all lock in one order
            missing.update(some)
            missing -= await transaction.artifacts.use(project, some)
    received = await artifacts.received(project, missing)
    return [MissingArtifact(one, received.get(one, 0)) for one in dict.fromkeys(digests) if one in missing]
