"""For how long a project keeps findings, results and pictures. Every member may read it; admins set it."""

from dataclasses import asdict, dataclass

from modicum.connection import Connection
from modicum.v1 import project_pb2, project_service_pb2


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days a project keeps findings, results and pictures; 0: for ever.

    `modicum-server collect`, which the operator runs, deletes older ones. Held resources are kept.

    Attributes:
        findings_days: findings, with their masks, traces and controls, counted from the end of the newest audit that
            has them.
        reports_days: results, which reports are made of, counted in the same way.
        images_days: the pictures of a data set, counted from its creation, or from the end of its newest audit.
    """

    findings_days: int = 0
    reports_days: int = 0
    images_days: int = 0


class AsyncRetentions:
    """The retention of a project."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def get(self) -> Retention:
        """Get it."""
        request = project_service_pb2.GetRetentionRequest(parent=self._connection.project)
        return _retention(await self._connection.call(self._connection.projects.GetRetention, request))

    async def set(self, retention: Retention) -> Retention:
        """Set it. All earlier values are replaced.

        Raises:
            InvalidArgument: days are negative, or more than 36,500.
            PermissionDenied: the caller is no admin.
        """
        message = project_pb2.Retention(**asdict(retention))
        request = project_service_pb2.SetRetentionRequest(parent=self._connection.project, retention=message)
        return _retention(await self._connection.call(self._connection.projects.SetRetention, request))


def _retention(message: project_pb2.Retention) -> Retention:
    return Retention(message.findings_days, message.reports_days, message.images_days)
