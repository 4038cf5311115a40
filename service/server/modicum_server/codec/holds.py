"""Holds."""

from modicum.v1 import hold_pb2

from modicum_server.codec.timestamps import time_message
from modicum_server.domain.holds import Hold


def hold_message(value: Hold) -> hold_pb2.Hold:
    """Hold."""
    return hold_pb2.Hold(
        name=value.name,
        held=value.held,
        reason=value.reason,
        creator=value.creator,
        create_time=time_message(value.create_time),
    )
