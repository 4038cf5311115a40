"""The parameters of the statistics, which a caller may set, and their message. Computes nothing."""

from dataclasses import dataclass
from numbers import Real

from modicum.errors import InvalidArgument
from modicum.v1 import audit_pb2

#: Lowest and highest value of each, and whether these two are allowed. They are the server's rules.
RANGES = {
    "level": (0.5, 0.999, True),
    "alpha": (0, 1, False),
    "ratio_limit": (1, 100, True),
    "accuracy_limit": (-1, 0, True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Level of the intervals and limits of the verdicts of a result. For a number that is None, the server chooses.

    Attributes:
        level: level of every interval. The server's default is 0.95.
        alpha: the overinterpretation rate counts subsets of at most this share of the pixels. The server's default is
            0.05.
        ratio_limit: an ensemble is MITIGATED only if the interval of the ratio of subset fractions lies above this.
            The server's default is 1.1.
        accuracy_limit: an ensemble is MITIGATED only if the interval of the difference in accuracy lies above this.
            The server's default is -0.02.
    """

    level: float | None = None
    alpha: float | None = None
    ratio_limit: float | None = None
    accuracy_limit: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that the server would refuse.

        Raises:
            InvalidArgument: names the number, what was expected and what came.
        """
        for name, (low, high, with_ends) in RANGES.items():
            value = getattr(self, name)
            if value is not None and not _is_within(value, low, high, with_ends=with_ends):
                expected = f"{low:g} to {high:g}" if with_ends else f"above {low:g} and below {high:g}"
                raise InvalidArgument(f"{name}: expected {expected}, got {value!r}")


def _is_within(value: object, low: float, high: float, *, with_ends: bool) -> bool:
    if not isinstance(value, Real):
        return False
    return low <= float(value) <= high if with_ends else low < float(value) < high


def statistics_message(statistics: Statistics) -> audit_pb2.Statistics:
    """The message, without the numbers that are None."""
    return audit_pb2.Statistics(**{name: getattr(statistics, name) for name in RANGES})


def statistics_value(message: audit_pb2.Statistics) -> Statistics:
    """The statistics in a message. Numbers that an older server did not set are None."""
    given = {field.name: value for field, value in message.ListFields()}
    return Statistics(**{name: given.get(name) for name in RANGES})
