"""Checks at the start of a process that its database and its artifact store belong together."""

import uuid
from contextlib import aclosing
from dataclasses import dataclass

from modicum_server.domain.store_identity import StoreIdentity
from modicum_server.errors import ModicumError
from modicum_server.ports import ArtifactStore, Store, Transaction


class StoresMixed(ModicumError):
    """The database and the artifact store belong to different stores."""


_ADVICE = (
    "Set MODICUM_DATABASE_URL and MODICUM_ARTIFACTS_URL to those of one store. Where one is not set, "
    "`modicum-server up` uses its own"
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
        found = await artifacts.store_id()
        _refuse_mixed(known, found, place)
        if known is not None and known.confirmed:
            return
        if found is None:
            await _refuse_emptied(transaction, artifacts, place)
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


async def give_new_id(store: Store, artifacts: ArtifactStore) -> None:
    """Give one id to a database and an artifact store that were filled from one backup, and have none.

    Raises:
        DependencyUnavailable
    """
    new = uuid.uuid4().hex
    async with store.transaction() as transaction:
        await transaction.identity.lock()
        await transaction.identity.begin(new)
    await artifacts.set_store_id(new)
    async with store.transaction() as transaction:
        await transaction.identity.confirm()


async def refuse_mixed_stores(store: Store, artifacts: ArtifactStore, place: Place) -> None:
    """Check that neither has an id that the other lacks. Changes nothing: before the first start both have none.

    Raises:
        StoresMixed, DependencyUnavailable
    """
    async with store.transaction() as transaction:
        await transaction.identity.lock()
        _refuse_mixed(await transaction.identity.get(), await artifacts.store_id(), place)


async def _refuse_emptied(transaction: Transaction, artifacts: ArtifactStore, place: Place) -> None:
    """Refuse to give an id to a store that holds nothing of what the database knows: it may not be mounted."""
    if await transaction.artifacts.all_held(after="", limit=1):
        async with aclosing(artifacts.stored("")) as digests:
            if await anext(digests, None) is None:
                raise StoresMixed(
                    f"the database {place.database} has records of artifacts, and the artifact store {place.artifacts} "
                    f"is empty. If it is not mounted, mount it. {_ADVICE}"
                )


def _refuse_mixed(known: StoreIdentity | None, found: str | None, place: Place) -> None:
    if known is None and found is not None:
        raise StoresMixed(
            f"the database {place.database} is new, and the artifact store {place.artifacts} belongs to store {found}. "
            "If the database was restored from a backup of this store that is older than the store's id, delete the "
            f"file store-id: the next start gives both a new one. {_ADVICE}"
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
