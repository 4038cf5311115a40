"""Projects, and who may do what in them. Must not know how a token is stored or looked up."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from modicum_server.domain.traces import Cause


class Role(StrEnum):
    """What a principal may do in a project; each includes the one before."""

    VIEWER = "viewer"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a call comes from: its request id, the network address of the caller, its place in a trace.

    All are empty elsewhere, and the last one also where nobody collects traces.
    """

    request_id: str = ""
    client_address: str = ""
    traceparent: str = ""

    @property
    def cause(self) -> Cause:
        """What is kept of it with the work that the call queues."""
        return Cause(self.request_id, self.traceparent)


NOWHERE = Origin()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, and their role in each project that their token is valid for.

    `use_is_stale`: the stored time of the token's last use is older than a minute. `origin`: of this call.
    `reads_metrics`: the token is valid for the names of all projects in /metrics, and for nothing else.
    """

    name: str
    roles: Mapping[str, Role]
    token_id: str = ""
    use_is_stale: bool = False
    reads_metrics: bool = False
    origin: Origin = field(default=NOWHERE, compare=False)

    @property
    def share(self) -> tuple[str, ...]:
        """Who shares a limit with it: tokens of the same principal for the same projects.

        An admin of one project, who can make tokens of any name there, so uses up nothing of another project's.
        """
        return (self.name, *sorted(self.roles))


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant."""

    name: str
    create_time: datetime
