"""Findings and their messages: both have the same names, but for the resource name and the position."""

from modicum.v1 import finding_pb2

from modicum_server.codec.records import message_of, record_of
from modicum_server.domain.findings import Finding, Subset


def subset_message(value: Subset) -> finding_pb2.Subset:
    """Subset."""
    return message_of(value, finding_pb2.Subset)


def finding_message(value: Finding, name: str = "") -> finding_pb2.Finding:
    """Finding. `name` is its resource name."""
    message = message_of(value, finding_pb2.Finding)
    message.name = name
    return message


def finding_value(message: finding_pb2.Finding, position: int) -> Finding:
    """Finding. `position` is its place among the audit's items."""
    return record_of(message, Finding, position=position)
