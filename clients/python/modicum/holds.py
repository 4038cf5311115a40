"""Holds on evidence: audits, data sets, versions and verdicts. The admins of a project manage them."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from modicum.connection import Connection
from modicum.errors import InvalidArgument
from modicum.resource_names import Named, checked_text, printable, resource_name
from modicum.timestamps import time_value
from modicum.v1 import hold_pb2, hold_service_pb2


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold on an audit, a data set, a version or a verdict.

    Until it is released, nobody can delete the held resource, or erase a picture of a held audit or data set or of the
    audits of a held verdict.
    """

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

    async def add(
        self,
        hold_id: str,
        *,
        reason: str,
        audit: Named | str = "",
        dataset: Named | str = "",
        version: Named | str = "",
        verdict: Named | str = "",
    ) -> Hold:
        """Hold an audit, a data set, a version or a verdict. A hold that is equal already is returned.

        Args:
            hold_id: name of the hold.
            reason: the reason. Callers whose request the hold refuses see it.
            audit: the audit that is held, with its result.
            dataset: the data set that is held.
            version: the version that is held, as MODEL/NUMBER.
            verdict: the verdict that is held, with what it was judged from.

        Raises:
            NotFound: there is no such audit, data set, version or verdict.
            AlreadyExists: another hold has this id.
            PermissionDenied: the caller is no admin.
        """
        given = {"audits": audit, "datasets": dataset, "models": version, "verdicts": verdict}
        named = {collection: one for collection, one in given.items() if one}
        if len(named) != 1:
            raise InvalidArgument("expected an audit, a data set, a version or a verdict to hold; give one of them")
        [(collection, one)] = named.items()
        request = hold_service_pb2.CreateHoldRequest(
            parent=self._connection.project,
            hold_id=checked_text(hold_id, "name of the hold"),
            hold=hold_pb2.Hold(
                held=_held_name(self._connection.project, collection, one if isinstance(one, str) else one.name),
                reason=checked_text(reason, "reason"),
            ),
        )
        return _hold(await self._connection.call(self._connection.holds.CreateHold, request))

    async def release(self, hold: str) -> None:
        """Delete a hold, which releases the held resource.

        Raises:
            NotFound: there is no such hold.
        """
        name = resource_name(self._connection.project, "holds", hold)
        await self._connection.delete(self._connection.holds.DeleteHold, hold_service_pb2.DeleteHoldRequest(name=name))


def _held_name(project: str, collection: str, given: str) -> str:
    """The full name of what is held. A version is given as MODEL/NUMBER."""
    if collection != "models" or given.startswith("projects/"):
        return resource_name(project, collection, given)
    model, _, number = given.partition("/")
    if not number.isdecimal():
        raise InvalidArgument(f"expected a version, MODEL/NUMBER, got {printable(given)!r}")
    return f"{resource_name(project, collection, model)}/versions/{number}"


def _hold(message: hold_pb2.Hold) -> Hold:
    return Hold(
        name=message.name,
        held=message.held,
        reason=message.reason,
        creator=message.creator,
        create_time=time_value(message.create_time),
    )
