"""Who may do what: projects, grants and tokens, sessions of browsers, and requests that were served."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from modicum_server.domain.access import Grant, NewToken, OpenSession, Revoked, Token
from modicum_server.domain.projects import Principal, Project, Role
from modicum_server.ports.lists import Keyed


@dataclass(frozen=True, slots=True)
class RememberedRequest:
    """A request that was served: its method, the digest of its body, the name of the resource that it created."""

    method: str
    body_digest: str
    created: str


class Projects(Protocol):
    """Projects, and the principals of tokens."""

    async def get(self, name: str) -> Project | None: ...
    async def page(self, names: Collection[str], *, after: str, limit: int) -> list[Keyed[Project]]: ...
    async def create(self, name: str, *, admin: str) -> Project | None:
        """Create it with `admin` as its admin; None when one of that name exists."""

    async def delete(self, name: str) -> bool:
        """Delete it; False when it is not empty."""

    async def authenticate(self, token_digest: str) -> Principal | None:
        """The principal of a token that has not expired, with the roles that the token carries."""


class Access(Protocol):
    """Grants and tokens. A token carries grants of its principal and has no role of its own."""

    async def grant(self, principal: str, project: str, role: Role) -> Role:
        """Give the role where the principal has none; the role that it then has."""

    async def change_role(self, principal: str, project: str, role: Role) -> None: ...
    async def member(self, project: str, principal: str) -> Grant | None: ...
    async def members(self, project: str, *, after: str, limit: int) -> list[Keyed[Grant]]:
        """By principal."""

    async def lock_admins(self, project: str) -> Sequence[str]:
        """The admins of a project; no other transaction changes them before this one ends."""

    async def remove_member(self, project: str, principal: str) -> None:
        """Delete the grant, and the principal's tokens that are for this project alone."""

    async def projects_of(self, principal: str) -> frozenset[str]:
        """The projects in which a principal has a role."""

    async def revoke(self, principal: str) -> Revoked:
        """Delete all grants and tokens of a principal; these."""

    async def principals(self, token_ids: Sequence[str]) -> list[Principal]:
        """The principals of those of these tokens that are valid, with their roles of now."""

    async def metrics_reader(self, token_digest: str) -> Principal | None:
        """The principal of a token that reads the metrics of all projects, and that has not expired."""

    async def add_token(self, digest: str, token: NewToken) -> Token | None:
        """Store a token by its SHA-256; None when it is stored already."""

    async def token(self, token_id: str) -> Token | None:
        """Get a token by its id, but for those of `Sessions.add_person`, which no list has."""

    async def tokens(self, project: str, *, after: str, limit: int) -> list[Keyed[Token]]:
        """Those that are valid in this project, by id. Some may have expired."""

    async def all_tokens(self, principal: str) -> list[Token]:
        """Those of a principal, or of everybody if it is empty: by principal, the oldest first."""

    async def delete_token(self, token_id: str) -> None: ...
    async def delete_tokens_named(self, principal: str, display_name: str, *, but: str) -> None:
        """Delete the principal's tokens of this name, except the one with the SHA-256 `but`."""

    async def expire_token(self, token_id: str, at: datetime) -> None:
        """Let it expire at this time, or earlier if it expires earlier."""

    async def note_use(self, token_id: str) -> None:
        """Store that it is used now, at most once a minute."""


class Sessions(Protocol):
    """Sessions of browsers, and links that begin one. Each stands for a token and ends with it."""

    async def create(self, digest: str, token_digest: str, *, seconds: float, longest_seconds: float) -> bool:
        """Begin one for a token; False when there is no such token."""

    async def find(self, digest: str) -> OpenSession | None:
        """What a session stands for, and how long it is still valid; None when it has ended."""

    async def prolong(self, digest: str, *, seconds: float) -> None:
        """Let a session end so many seconds from now, but no later than it may. One that has ended stays so."""

    async def add_person(self, token_digest: str, token: NewToken, *, issuer: str, seconds: float, most: int) -> None:
        """Store a token for the session of somebody who signed in at an issuer. Lists of tokens leave it out.

        Those that have expired are deleted, and the oldest of the principal where it would have more than `most`.
        """

    async def delete(self, digest: str) -> str:
        """End one, with the token of `add_person`; its issuer, or empty for a session by token or none."""

    async def add_link(self, digest: str, token_digest: str, *, seconds: float) -> bool:
        """Store a link that begins one session; False when there is no such token."""

    async def take_link(self, digest: str) -> str | None:
        """Use up a link; the digest of its token, or None when there is no link any more."""


class Requests(Protocol):
    """Served requests by their id (AIP-155)."""

    async def find(self, project: str, request_id: str) -> RememberedRequest | None:
        """Lock the id for this transaction (also a new one) and return the request that used it."""

    async def remember(self, project: str, request_id: str, request: RememberedRequest) -> None: ...
