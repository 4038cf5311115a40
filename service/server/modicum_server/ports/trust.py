"""Trust rules, the identity tokens that were used up, and what verifies an identity token."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from modicum_server.domain.trust import Identity, NewTrustRule, TrustRule
from modicum_server.ports.lists import Keyed


class Trust(Protocol):
    """Trust rules of projects, and identity tokens that were used up."""

    async def add(self, rule: NewTrustRule) -> TrustRule | None:
        """Store a rule; None when there is one of that name."""

    async def get(self, name: str) -> TrustRule | None:
        """Get a rule. It is not deleted before this transaction ends."""

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[TrustRule]]:
        """By id."""

    async def count(self, project: str) -> int:
        """The number of rules of a project; no other transaction adds one before this one ends."""

    async def of_issuer(self, project: str, issuer: str) -> Sequence[TrustRule]:
        """The rules of a project for an issuer, by name."""

    async def delete(self, name: str) -> bool:
        """Delete a rule and the tokens that it gave; False when there is none of that name."""

    async def use_up(self, digest: str, expire_time: datetime) -> bool:
        """Remember an identity token until it expires; False when it was used before. Forgets those that expired."""

    async def forget_job_tokens(self) -> None:
        """Delete tokens that rules gave and that expired more than a day ago."""


class IdentityTokens(Protocol):
    """Verifies identity tokens by the keys of their issuers."""

    def issuer_of(self, token: str) -> str:
        """Return the issuer that a token names. Nothing is verified yet.

        Raises IdentityTokenInvalid: it is not an identity token, or the operator does not allow its issuer.
        """

    async def verified(self, token: str, *, issuer: str, audiences: Sequence[str]) -> Identity:
        """Return what a token of this issuer, for one of these audiences, says.

        Raises IdentityTokenInvalid, or IssuerUnavailable when the issuer's keys cannot be read.
        """
