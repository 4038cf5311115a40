"""What the statistics of a result go by, and its message: numbers that a caller may set. Computes nothing."""

from dataclasses import dataclass
from numbers import Real

from modicum.errors import InvalidArgument
from modicum.v1 import audit_pb2

#: From which number to which each may be set, and whether the ends are among them; the server's own rules.
RANGES = {
    "level": (0.5, 0.999, True),
    "alpha": (0, 1, False),
    "ratio_limit": (1, 100, True),
    "accuracy_limit": (-1, 0, True),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Level of a result's intervals and limits of its verdicts; None leaves a number to the server.

    Attributes:
        level: of every interval; the server's is 0.95.
        alpha: the overinterpretation rate counts subsets of at most this share of the pixels; the server's is 0.05.
        ratio_limit: above which an ensemble mitigation check wants the ratio of subset fractions; the server's is 1.1.
        accuracy_limit: above which it wants the difference in accuracy; the server's is -0.02.
    """

    level: float | None = None
    alpha: float | None = None
    ratio_limit: float | None = None
    accuracy_limit: float | None = None

    def __post_init__(self) -> None:
        """Refuse numbers that no service takes.

        Raises:
            InvalidArgument: names the number.
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
    """The message; what is None is left out."""
    return audit_pb2.Statistics(**{name: getattr(statistics, name) for name in RANGES})


def statistics_value(message: audit_pb2.Statistics) -> Statistics:
    """The statistics that a message holds; those of a server of before are None."""
    told = {field.name: value for field, value in message.ListFields()}
    return Statistics(**{name: told.get(name) for name in RANGES})
