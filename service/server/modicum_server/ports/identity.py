"""The id that the database shares with its artifact store."""

from typing import Protocol

from modicum_server.domain.store_identity import StoreIdentity


class Identity(Protocol):
    """One id for the whole database."""

    async def lock(self) -> None:
        """Let no other process look or write until the transaction ends."""

    async def get(self) -> StoreIdentity | None:
        """The id; None before the first start."""

    async def begin(self, store_id: str) -> None:
        """Store a new id, which the artifact store does not have yet."""

    async def confirm(self) -> None:
        """Note that the artifact store has the id."""
