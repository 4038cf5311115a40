"""Grants and tokens: who may do what in a project, and by which secret they log in. Holds no secret."""

from dataclasses import dataclass
from datetime import datetime

from modicum_server.domain.projects import Role


@dataclass(frozen=True, slots=True)
class Grant:
    """A role of a principal in a project."""

    principal: str
    project: str
    role: Role


@dataclass(frozen=True, slots=True)
class Token:
    """A token, without its secret.

    `project`: the only project in which it is valid; empty for one that carries all grants of its principal.
    `expire_time`: None for one that does not expire. `last_used_time`: to the minute; None for one never used.
    `trust_rule`: the rule that gave it to a job, and its role; empty for all others.
    `reads_metrics`: it carries no role, and shows the names of all projects in /metrics.
    """

    id: str
    principal: str
    display_name: str
    project: str
    create_time: datetime
    expire_time: datetime | None
    last_used_time: datetime | None
    trust_rule: str = ""
    reads_metrics: bool = False


@dataclass(frozen=True, slots=True)
class OpenSession:
    """A session of a browser: the token for which it stands, and how long it lasts, unused and at the most."""

    token_digest: str
    seconds_left: float
    most_seconds_left: float


@dataclass(frozen=True, slots=True)
class NewToken:
    """A token to store. Fields as those of `Token`."""

    id: str
    principal: str
    display_name: str = ""
    project: str = ""
    expire_time: datetime | None = None
    trust_rule: str = ""
    reads_metrics: bool = False


@dataclass(frozen=True, slots=True)
class Revoked:
    """All that a principal had: its grants and its tokens."""

    grants: tuple[Grant, ...]
    tokens: tuple[Token, ...]
