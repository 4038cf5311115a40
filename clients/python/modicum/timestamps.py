"""Timestamps of messages as datetimes in UTC."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp


def time_value(stamp: Timestamp) -> datetime:
    """The time of a timestamp, in UTC."""
    return stamp.ToDatetime(tzinfo=UTC)


def optional_time(stamp: Timestamp, *, present: bool) -> datetime | None:
    """The time of a timestamp that may be absent."""
    return time_value(stamp) if present else None
