"""Protobuf timestamps and datetimes."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def time_message(value: datetime | None) -> Timestamp | None:
    """Return a Timestamp. None leaves the field unset."""
    if value is None:
        return None
    message = Timestamp()
    message.FromDatetime(value.astimezone(UTC))
    return message


def time_value(message: Timestamp) -> datetime:
    """Return an aware datetime in UTC."""
    return message.ToDatetime(tzinfo=UTC)
