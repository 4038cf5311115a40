"""Holds: what must stay because it is evidence."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class NewHold:
    """A hold to store. Fields as those of `Hold`."""

    name: str
    held: str
    reason: str
    creator: str


@dataclass(frozen=True, slots=True)
class Hold:
    """An audit, a data set, a version or a verdict is held, for a reason.

    It is not deleted, and no picture of a held audit, data set or verdict is erased.
    """

    name: str
    held: str
    reason: str
    creator: str
    create_time: datetime
