"""What was created by request id (AIP-155)."""

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.ports import RememberedRequest
from modicum_server.store import tables
from modicum_server.store.projects import advisory_key


class PostgresRequests:
    """`ports.Requests`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def find(self, project: str, request_id: str) -> RememberedRequest | None:
        """Lock the id for this transaction (also when it is new) and return what it was used for."""
        key = advisory_key("request", f"{project}/{request_id}")
        await self._connection.execute(select(func.pg_advisory_xact_lock(key)))
        query = select(tables.requests).filter_by(project=project, request_id=request_id)
        row = (await self._connection.execute(query)).one_or_none()
        return RememberedRequest(method=row.method, body_digest=row.body_digest, created=row.answer) if row else None

    async def remember(self, project: str, request_id: str, request: RememberedRequest) -> None:
        """Store what the id was used for."""
        await self._connection.execute(
            insert(tables.requests).values(
                project=project,
                request_id=request_id,
                method=request.method,
                body_digest=request.body_digest,
                answer=request.created,
            )
        )
