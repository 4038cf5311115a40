"""Sessions of browsers, and links that begin one. All times are the database's."""

from sqlalchemy import Table, delete, func, insert, literal, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.store import tables


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

    async def delete(self, digest: str) -> None:
        """End one, if there is one."""
        await self._connection.execute(delete(tables.sessions).filter_by(digest=digest))

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
        end = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        tokens = tables.tokens.c
        good = or_(tokens.expire_time.is_(None), tokens.expire_time > func.now())
        known = select(literal(digest), tokens.digest, end).where(tokens.digest == token_digest, good)
        row = insert(table).from_select(["digest", "token_digest", "expire_time"], known)
        return await self._connection.scalar(row.returning(table.c.digest)) is not None
