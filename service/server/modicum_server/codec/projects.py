"""Projects, and their retention."""

from dataclasses import asdict

from modicum.v1 import project_pb2

from modicum_server.codec.enums import enum_number
from modicum_server.codec.timestamps import time_message
from modicum_server.domain.projects import Project, Role
from modicum_server.domain.retention import Retention


def project_message(value: Project, role: Role | None) -> project_pb2.Project:
    """Project, with the caller's role."""
    number = enum_number(project_pb2.Project.Role, "ROLE", role)
    return project_pb2.Project(name=value.name, create_time=time_message(value.create_time), role=number)


def retention_message(value: Retention) -> project_pb2.Retention:
    """Retention."""
    return project_pb2.Retention(**asdict(value))


def retention_value(message: project_pb2.Retention) -> Retention:
    """Retention as it came."""
    return Retention(
        findings_days=message.findings_days, reports_days=message.reports_days, images_days=message.images_days
    )
