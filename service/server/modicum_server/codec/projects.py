"""Projects."""

from modicum.v1 import project_pb2

from modicum_server.codec.enums import enum_number
from modicum_server.codec.timestamps import time_message
from modicum_server.domain.projects import Project, Role


def project_message(value: Project, role: Role | None) -> project_pb2.Project:
    """Project, with the caller's role."""
    number = enum_number(project_pb2.Project.Role, "ROLE", role)
    return project_pb2.Project(name=value.name, create_time=time_message(value.create_time), role=number)
