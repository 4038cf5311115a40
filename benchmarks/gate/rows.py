"""What is simulated: a kind of rule, how many rules the policy has, and where their true values lie."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np

DAY = date(2026, 1, 1)
Drawn = np.random.Generator
AT_LIMIT, ONE_AT_LIMIT, WITHIN, BEYOND = "all at the limit", "one at the limit", "all within", "one beyond"
CASES = (AT_LIMIT, ONE_AT_LIMIT, WITHIN, BEYOND)


@dataclass(frozen=True, slots=True)
class Truths:
    """The true values of a kind of rule: at its limit, well within it, and beyond it."""

    limit: float
    within: float
    beyond: float

    def of(self, case: str) -> tuple[float, float]:
        """Return the value of the first rule and that of the others."""
        first = {AT_LIMIT: self.limit, ONE_AT_LIMIT: self.limit, WITHIN: self.within, BEYOND: self.beyond}[case]
        return first, self.limit if case == AT_LIMIT else self.within


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the table. `draw` gives the outcome of one verdict on data drawn anew."""

    kind: str
    rules: int
    case: str
    draw: Callable[[Drawn], str]


@dataclass(frozen=True, slots=True)
class Simulated:
    """How often a policy had each outcome."""

    kind: str
    rules: int
    case: str
    outcomes: Mapping[str, int]
