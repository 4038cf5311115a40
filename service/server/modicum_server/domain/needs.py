"""What may need a person."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class PossibleNeed:
    """A model, or an audit that failed, that may need a person since a time.

    It `is_certain` if the database alone says so; otherwise results must be read.
    """

    of: str
    time: datetime
    is_certain: bool
