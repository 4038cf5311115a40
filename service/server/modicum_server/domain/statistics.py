"""The statistical settings of an audit, which a caller may choose. Computes nothing."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Statistics:
    """Level of the intervals and limits of the verdicts.

    Attributes:
        level: of every interval.
        alpha: of `R(tau, alpha)`: subsets of at most this share of the pixels count; the paper's headline by default.
        ratio_limit: above which the intervals of an ensemble's ratio of subset fractions must lie.
        accuracy_limit: above which the interval of its difference in accuracy must lie.
    """

    level: float = 0.95
    alpha: float = 0.05
    ratio_limit: float = 1.1
    accuracy_limit: float = -0.02


DEFAULTS = Statistics()
