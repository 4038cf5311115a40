"""The trail (audit log) of a project: who did what. Its admins read it, and nobody changes it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from modicum.connection import Connection
from modicum.errors import InvalidArgument
from modicum.resource_names import checked_text
from modicum.timestamps import time_value
from modicum.v1 import access_pb2, access_service_pb2


class TrailOutcome(StrEnum):
    """Whether it was done. REFUSED: the caller was not allowed to."""

    DONE = "DONE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """An entry of the trail.

    Attributes:
        principal: who did it; `system:operator` is the operator of the server. Empty if the caller is not known.
        verb: the method that was called, such as CreateAudit.
        resource: the name of what it was done to.
        outcome: None for one of a later release.
        reason: why the attempt was refused, if it was.
        detail: details that the resource's name does not have, such as the role that a member got.
        attempts: how many equal refused attempts the entry stands for.
        sequence: its place in the chain of the project, from 1; 0 until it is sealed.
        hash: SHA-256 of the entry and of the hash before; empty until it is sealed.
    """

    id: int
    time: datetime
    project: str
    principal: str
    token_id: str
    verb: str
    resource: str
    outcome: TrailOutcome | None
    reason: str
    detail: str
    attempts: int
    request_id: str
    client_address: str
    sequence: int
    hash: str

    def as_json(self) -> dict[str, Any]:
        """The entry as JSON; its time in UTC, to the microsecond."""
        said = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {**said, "time": self.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")}


class AsyncTrail:
    """The trail of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self, filter: str = "") -> AsyncIterator[TrailEntry]:  # noqa: A002  # the word of the service
        """List the entries, the newest first. An example of `filter` is "principal = ci AND outcome = REFUSED".

        Raises:
            InvalidArgument: the filter is not understood.
            PermissionDenied: the caller is no admin.
        """
        request = access_service_pb2.ListTrailEntriesRequest(
            parent=self._connection.project, filter=checked_text(filter, "filter")
        )
        async for entry in self._entries(request):
            yield entry

    async def export(self, *, after: int = 0) -> AsyncIterator[TrailEntry]:
        """Yield the sealed entries after the sequence `after`, in the order of their chain, the oldest first.

        Raises:
            InvalidArgument: `after` is below 0.
            PermissionDenied: the caller is no admin.
        """
        if after < 0:
            raise InvalidArgument(f"after: expected 0 or the sequence of an entry, got {after}")
        request = access_service_pb2.ListTrailEntriesRequest(
            parent=self._connection.project, chained=True, after_sequence=after, page_size=1000
        )
        async for entry in self._entries(request):
            yield entry

    async def _entries(self, request: access_service_pb2.ListTrailEntriesRequest) -> AsyncIterator[TrailEntry]:
        stub = self._connection.access
        async for message in self._connection.pages(stub.ListTrailEntries, request, lambda page: page.entries):
            yield trail_entry(message)


def trail_entry(message: access_pb2.TrailEntry) -> TrailEntry:
    """The entry in a message."""
    kinds = access_pb2.TrailEntry.Outcome
    name = kinds.Name(message.outcome).removeprefix("OUTCOME_") if message.outcome in kinds.values() else ""
    return TrailEntry(
        id=message.id,
        time=time_value(message.time),
        project=message.project,
        principal=message.principal,
        token_id=message.token_id,
        verb=message.verb,
        resource=message.resource,
        outcome=TrailOutcome.__members__.get(name),
        reason=message.reason,
        detail=message.detail,
        attempts=message.attempts,
        request_id=message.request_id,
        client_address=message.client_address,
        sequence=message.sequence,
        hash=message.hash,
    )
