"""Checks at the start of a process that its database and its artifact store belong together."""

import uuid
from dataclasses import dataclass

from modicum_server.domain.store_identity import StoreIdentity
from modicum_server.errors import StoresMixed
from modicum_server.ports import ArtifactStore, Store

_ADVICE = (
    "Set MODICUM_DATABASE_URL and MODICUM_ARTIFACTS_URL to those of one store. `modicum-server up` uses its own of "
    "each that is not set"
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where both are, in words for an operator: without passwords."""

    database: str
    artifacts: str


async def require_one_store(store: Store, artifacts: ArtifactStore, place: Place) -> None:
    """Check that both have one id. The first start gives it to them.

    The database has the id first, and notes when the artifact store has it as well. So a first start that ends between
    the two is completed by the next one, and an artifact store that later lacks the id is not taken for a new one.

    Raises:
        StoresMixed: they belong to different stores.
        DependencyUnavailable
    """
    async with store.transaction() as transaction:
        await transaction.identity.lock()
        known = await transaction.identity.get()
        _refuse_mixed(known, await artifacts.store_id(), place)
        if known is not None and known.confirmed:
            return
        if known is None:
            await transaction.identity.begin(uuid.uuid4().hex)
    async with store.transaction() as transaction:
        await transaction.identity.lock()
        known = await transaction.identity.get()
        assert known is not None, "it was begun, and nothing deletes it"
        found = await artifacts.store_id()
        _refuse_mixed(known, found, place)
        if found is None:
            await artifacts.set_store_id(known.id)
        await transaction.identity.confirm()


def _refuse_mixed(known: StoreIdentity | None, found: str | None, place: Place) -> None:
    if known is None and found is not None:
        raise StoresMixed(
            f"the database {place.database} is new, and the artifact store {place.artifacts} belongs to store {found}. "
            f"{_ADVICE}"
        )
    if known is not None and found is not None and found != known.id:
        raise StoresMixed(
            f"the database {place.database} belongs to store {known.id}, and the artifact store {place.artifacts} "
            f"belongs to store {found}. {_ADVICE}"
        )
    if known is not None and known.confirmed and found is None:
        raise StoresMixed(
            f"the database {place.database} belongs to store {known.id}, and the artifact store {place.artifacts} has "
            "no id. If it is not mounted, mount it. If its files were copied without the file store-id, write that id "
            f"into it. {_ADVICE}"
        )
