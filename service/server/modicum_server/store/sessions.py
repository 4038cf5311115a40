"""Sessions of browsers, and links that begin one. All times are the database's."""

from typing import Any

from sqlalchemy import Table, delete, func, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.access import NewToken
from modicum_server.store import tables
from modicum_server.store.access import IS_GOOD

_TOKENS = tables.tokens.c


class PostgresSessions:
    """`ports.Sessions`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self, digest: str, token_digest: str, *, seconds: float) -> bool:
        """Begin one for a token; False when there is no such token. Those that have ended are deleted."""
        return await self._add(tables.sessions, digest, token_digest, seconds)

    async def token_digest(self, digest: str) -> str | None:
        """The digest of the token that a session stands for; None when it has ended."""
        sessions = tables.sessions.c
        query = select(sessions.token_digest).where(sessions.digest == digest, sessions.expire_time > func.now())
        found: str | None = await self._connection.scalar(query)
        return found

    async def add_person(self, token_digest: str, token: NewToken, *, issuer: str, seconds: float, most: int) -> None:
        """Store a token for the session of somebody who signed in at an issuer. Lists of tokens leave it out.

        Those that have expired are deleted, and the oldest of the principal where it would have more than `most`.
        """
        of_people = delete(tables.tokens).where(_TOKENS.sign_in_issuer.is_not(None))
        await self._connection.execute(of_people.where(_TOKENS.expire_time <= func.now()))
        kept = select(_TOKENS.digest).where(_TOKENS.principal == token.principal, _TOKENS.sign_in_issuer.is_not(None))
        oldest = kept.order_by(_TOKENS.create_time.desc(), _TOKENS.id).offset(most - 1)
        await self._connection.execute(of_people.where(_TOKENS.digest.in_(oldest)))
        row = insert(tables.tokens).values(
            digest=token_digest,
            id=token.id,
            principal=token.principal,
            display_name=token.display_name,
            sign_in_issuer=issuer,
            expire_time=_after(seconds),
        )
        await self._connection.execute(row)

    async def delete(self, digest: str) -> str:
        """End one, with the token of `add_person`; its issuer, or empty for a session by token or none."""
        ended = delete(tables.sessions).filter_by(digest=digest).returning(tables.sessions.c.token_digest)
        token: str | None = await self._connection.scalar(ended)
        of_person = delete(tables.tokens).where(_TOKENS.digest == token, _TOKENS.sign_in_issuer.is_not(None))
        return await self._connection.scalar(of_person.returning(_TOKENS.sign_in_issuer)) or ""

    async def add_link(self, digest: str, token_digest: str, *, seconds: float) -> bool:
        """Store a link that begins one session; False when there is no such token."""
        return await self._add(tables.sign_in_links, digest, token_digest, seconds)

    async def take_link(self, digest: str) -> str | None:
        """Use up a link; the digest of its token, or None when there is no link any more."""
        links = tables.sign_in_links.c
        query = delete(tables.sign_in_links).where(links.digest == digest, links.expire_time > func.now())
        found: str | None = await self._connection.scalar(query.returning(links.token_digest))
        return found

    async def _add(self, table: Table, digest: str, token_digest: str, seconds: float) -> bool:
        await self._connection.execute(delete(table).where(table.c.expire_time <= func.now()))
        known = select(literal(digest), _TOKENS.digest, _after(seconds)).where(_TOKENS.digest == token_digest, IS_GOOD)
        row = insert(table).from_select(["digest", "token_digest", "expire_time"], known)
        return await self._connection.scalar(row.returning(table.c.digest)) is not None


def _after(seconds: float) -> Any:
    """Return the SQL of the time after so many seconds."""
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
