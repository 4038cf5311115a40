"""The trail: who did what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from modicum_server.domain.trail import NewTrailEntry, Seal, TrailEntry, TrailOutcome
from modicum_server.ports.lists import Keyed


@dataclass(frozen=True, slots=True)
class TrailFilter:
    """The filter of a list of entries; an empty string does not filter."""

    principal: str = ""
    verb: str = ""
    resource: str = ""
    outcome: TrailOutcome | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """A place of a chain: its seal, and the entry, which is None where it is gone."""

    seal: Seal
    entry: TrailEntry | None


@dataclass(frozen=True, slots=True)
class Unsealed:
    """An entry without a seal. `entry` is None where it is gone; `waits` says whether it is to be sealed."""

    entry_id: int
    entry: TrailEntry | None
    waits: bool


class Trail(Protocol):
    """Entries, which are written and read, and the seals that chain them."""

    async def write(self, *entries: NewTrailEntry) -> None:
        """Write entries. They wait for their seal from the end of the transaction on."""

    async def page(self, project: str, criteria: TrailFilter, *, after: str, limit: int) -> list[Keyed[TrailEntry]]:
        """Newest first, since the project was created: of one with that name before, none."""

    async def chained(
        self, project: str, criteria: TrailFilter, behind: int, *, after: str, limit: int
    ) -> list[Keyed[TrailEntry]]:
        """Sealed entries in the order of their chain, behind a sequence. As above, of this project alone."""

    async def take_turn(self) -> bool:
        """Whether this transaction may seal; False while another one does."""

    async def waiting(self, limit: int) -> list[TrailEntry]:
        """Entries that wait for their seal, in the order of their ids."""

    async def head(self, project: str) -> Seal | None:
        """The last seal of a chain."""

    async def heads(self) -> list[Seal]:
        """The last seal of each chain, by project."""

    async def seal(self, seals: Sequence[Seal]) -> None:
        """Store seals; their entries wait no longer."""

    async def links(self, project: str, *, after: int, limit: int) -> list[Link]:
        """A chain in its order, behind a sequence."""

    async def unsealed(self, *, before: datetime, after: int, limit: int) -> list[Unsealed]:
        """Entries without a seal that were written before a time, and places of entries that are gone, by id."""
