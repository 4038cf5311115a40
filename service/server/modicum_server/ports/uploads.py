"""Uploads that are not finished: in progress, or broken and kept for a resume."""

from dataclasses import dataclass
from typing import Protocol

#: What a broken upload left is deleted after this time without news, and then counts no more.
FORGOTTEN_SECONDS = 7 * 24 * 3600.0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """How many unfinished uploads a project has, their bytes, and the part of one principal."""

    count: int = 0
    size_bytes: int = 0
    count_of_principal: int = 0
    size_bytes_of_principal: int = 0


class UnfinishedUploads(Protocol):
    """A row for each. One in progress counts with all the bytes that it announced, a broken one with those it left."""

    async def others(self, project: str, principal: str, *, but: str = "") -> Unfinished:
        """Count those of the last week, but for one of the digest `but`."""

    async def begin(self, project: str, digest: str, *, principal: str, size_bytes: int) -> None:
        """Note one that begins or goes on, and for whom it counts from now on."""

    async def begin_in_turn(self, project: str) -> None:
        """Wait for the transactions of this project that did so before; those that come wait for this one."""

    async def leave(self, project: str, digest: str, received_bytes: int) -> None:
        """Note how many bytes a broken one left; one that left none is forgotten."""

    async def end(self, project: str, digest: str) -> None:
        """Forget one that is finished."""
