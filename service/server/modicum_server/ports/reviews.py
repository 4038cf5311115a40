"""Blind reviews."""

from datetime import datetime
from typing import Protocol

from modicum_server.domain.reviews import Review, Reviewer, Seat
from modicum_server.ports.lists import Keyed


class Reviews(Protocol):
    """Blind reviews with their reviewers and answers. A plan never changes, and neither does an answer."""

    async def get(self, name: str) -> Review | None: ...
    async def lock(self, name: str) -> Review | None:
        """Get it; no other transaction adds a reviewer before this one ends."""

    async def page(self, audit: str, *, after: str, limit: int) -> list[Keyed[Review]]:
        """Newest first."""

    async def create(self, review: Review) -> Review | None:
        """Store it; None when its audit is gone. The audit is not deleted until the transaction ends."""

    async def of_audit(self, audit: str) -> list[str]:
        """Names of at most 10 reviews of an audit."""

    async def delete(self, name: str) -> None:
        """Delete it, with its reviewers and answers."""

    async def add_reviewer(self, name: str, reviewer: Reviewer, link_digest: str, *, seconds: float) -> datetime:
        """Store a reviewer and its link, good for this time; when both end."""

    async def renew_link(self, seat: Seat, link_digest: str, *, seconds: float) -> datetime:
        """Store another link of a reviewer, good for this time; when it ends. Its earlier link and secret end."""

    async def take_link(self, link_digest: str, secret_digest: str) -> bool:
        """Use up a link: from now on, the secret stands for its reviewer. False when there is no link any more."""

    async def seat(self, secret_digest: str) -> Seat | None:
        """Who this secret stands for; None when it has ended."""

    async def add_answer(self, seat: Seat, place: int, choice: int | None) -> None:
        """Store the answer to the picture at this place of the session. One that is there stays."""
