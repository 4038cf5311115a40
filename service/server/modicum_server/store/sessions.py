"""Sessions of browsers, and links that begin one. All times are the database's."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ColumnElement, Double, Table, cast, delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.access import NewToken, OpenSession
from modicum_server.store import tables
from modicum_server.store.access import IS_GOOD

_TOKENS = tables.tokens.c
NOTHING_MORE: Final[Mapping[str, Any]] = MappingProxyType({})


class PostgresSessions:
    """`ports.Sessions`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def create(self, digest: str, token_digest: str, *, seconds: float, longest_seconds: float) -> bool:
        """Begin one for a token; False when there is no such token. Those that have ended are deleted."""
        latest = {"latest_end_time": _after(longest_seconds)}
        return await self._add(tables.sessions, digest, token_digest, seconds, latest)

    async def find(self, digest: str) -> OpenSession | None:
        """What a session stands for, and how long it is still valid; None when it has ended."""
        sessions = tables.sessions.c
        latest = func.coalesce(sessions.latest_end_time, sessions.expire_time)
        query = select(sessions.token_digest, _seconds_to(sessions.expire_time), _seconds_to(latest))
        row = (
            await self._connection.execute(query.where(sessions.digest == digest, sessions.expire_time > func.now()))
        ).one_or_none()
        return None if row is None else OpenSession(*row)

    async def prolong(self, digest: str, *, seconds: float) -> None:
        """Let a session end so many seconds from now, but no later than it may. One that has ended stays so."""
        sessions = tables.sessions.c
        query = update(tables.sessions).where(sessions.digest == digest, sessions.expire_time > func.now())
        end = func.least(_after(seconds), func.coalesce(sessions.latest_end_time, sessions.expire_time))
        await self._connection.execute(query.values(expire_time=end))

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

    async def _add(
        self, table: Table, digest: str, token_digest: str, seconds: float, more: Mapping[str, Any] = NOTHING_MORE
    ) -> bool:
        await self._connection.execute(delete(table).where(table.c.expire_time <= func.now()))
        known = select(literal(digest), _TOKENS.digest, _after(seconds), *more.values())
        row = insert(table).from_select(
            ["digest", "token_digest", "expire_time", *more],
            known.where(_TOKENS.digest == token_digest, IS_GOOD),
        )
        return await self._connection.scalar(row.returning(table.c.digest)) is not None


def _seconds_to(time: ColumnElement[Any]) -> Any:
    """Return the SQL of the seconds from now to a time, as a float."""
    return cast(func.extract("epoch", time - func.now()), Double)


def _after(seconds: float) -> Any:
    """Return the SQL of the time after so many seconds."""
    return func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
