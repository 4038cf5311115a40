"""Holds on what is evidence."""

from collections.abc import Collection
from typing import Protocol

from modicum_server.domain.holds import Hold, NewHold
from modicum_server.errors import AlreadyExists, FailedPrecondition, NotFound
from modicum_server.ports.lists import Keyed


class HoldNotFound(NotFound):
    """There is no hold with this name."""


class HoldExists(AlreadyExists):
    """Another hold has this name. Release it first, or choose another id."""


class ResourceHeld(FailedPrecondition):
    """The resource is held as evidence. An admin can release it."""


class Holds(Protocol):
    """Holds of projects."""

    async def add(self, hold: NewHold) -> Hold:
        """Store a hold, or return the one that has the name."""

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Hold]]:
        """By id."""

    async def on(self, names: Collection[str]) -> list[Hold]:
        """At most 10 holds on these resources, by name."""

    async def on_versions_of(self, model: str) -> list[Hold]:
        """The same, on versions of a model."""

    async def on_verdicts_of(self, audits: Collection[str]) -> list[Hold]:
        """The same, on verdicts that judge one of these audits or compare with it."""

    async def delete(self, name: str) -> Hold | None:
        """Delete a hold and return it; None when there is none of that name."""
