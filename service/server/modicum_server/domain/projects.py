"""Projects, and who may do what in them. Must not know how a token is stored or looked up."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What a principal may do in a project; each includes the one before."""

    VIEWER = "viewer"
    AUDITOR = "auditor"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls, and their role in each project."""

    name: str
    roles: Mapping[str, Role]


@dataclass(frozen=True, slots=True)
class Project:
    """A tenant."""

    name: str
    create_time: datetime
