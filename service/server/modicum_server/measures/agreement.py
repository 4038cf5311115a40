"""Krippendorff's alpha for nominal data: how far several people agree, beyond what chance makes them agree.

Krippendorff, "Computing Krippendorff's Alpha-Reliability" (2011). 1 is full agreement, 0 is that of chance.
"""

from collections import Counter
from collections.abc import Hashable, Iterable, Sequence


def krippendorff_alpha(units: Iterable[Sequence[Hashable]]) -> float | None:
    """Return alpha over units, each a list of the values that people gave it. Units of one value are left out.

    None if no unit has two values, or if all values are the same: then chance agrees as well.
    """
    paired = [Counter(values) for values in units if len(values) > 1]
    totals: Counter[Hashable] = sum(paired, Counter())
    count = totals.total()
    unequal_by_chance = _unequal_pairs(totals)
    if unequal_by_chance == 0:
        return None
    unequal = sum(_unequal_pairs(unit) / (unit.total() - 1) for unit in paired)
    return 1 - (count - 1) * unequal / unequal_by_chance


def _unequal_pairs(counts: Counter[Hashable]) -> int:
    """Ordered pairs of two different values."""
    total: int = counts.total()
    return total**2 - sum(count**2 for count in counts.values())
