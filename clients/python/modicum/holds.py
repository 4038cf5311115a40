"""Holds on audits and data sets that are evidence. The admins of a project manage them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from modicum.connection import Connection
from modicum.errors import InvalidArgument
from modicum.resource_names import Named, checked_text, resource_name
from modicum.timestamps import time_value
from modicum.v1 import hold_pb2, hold_service_pb2


@dataclass(frozen=True, slots=True)
class Hold:
    """An audit or a data set is held: it is not deleted, and no picture of it is erased, until the hold is released."""

    name: str
    held: str
    reason: str
    creator: str
    create_time: datetime


class AsyncHolds:
    """Holds of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def list(self) -> AsyncIterator[Hold]:
        """List the holds, by id.

        Raises:
            PermissionDenied: the caller is no admin.
        """
        request = hold_service_pb2.ListHoldsRequest(parent=self._connection.project)
        async for message in self._connection.pages(self._connection.holds.ListHolds, request, lambda page: page.holds):
            yield _hold(message)

    async def add(self, hold_id: str, *, reason: str, audit: Named | str = "", dataset: Named | str = "") -> Hold:
        """Hold an audit or a data set. A hold that is equal already is returned.

        Args:
            hold_id: name of the hold.
            reason: why; whoever is refused reads it.
            audit: the audit that is held, with its result.
            dataset: the data set that is held.

        Raises:
            NotFound: there is no such audit or data set.
            AlreadyExists: another hold has this id.
            PermissionDenied: the caller is no admin.
        """
        if bool(audit) == bool(dataset):
            raise InvalidArgument("expected an audit or a data set to hold; give one of them")
        given = audit or dataset
        held = resource_name(
            self._connection.project,
            "audits" if audit else "datasets",
            given if isinstance(given, str) else given.name,
        )
        request = hold_service_pb2.CreateHoldRequest(
            parent=self._connection.project,
            hold_id=checked_text(hold_id, "name of the hold"),
            hold=hold_pb2.Hold(held=held, reason=checked_text(reason, "reason")),
        )
        return _hold(await self._connection.call(self._connection.holds.CreateHold, request))

    async def release(self, hold: str) -> None:
        """Release what a hold holds.

        Raises:
            NotFound: there is no such hold.
        """
        name = resource_name(self._connection.project, "holds", hold)
        await self._connection.delete(self._connection.holds.DeleteHold, hold_service_pb2.DeleteHoldRequest(name=name))


def _hold(message: hold_pb2.Hold) -> Hold:
    return Hold(
        name=message.name,
        held=message.held,
        reason=message.reason,
        creator=message.creator,
        create_time=time_value(message.create_time),
    )
