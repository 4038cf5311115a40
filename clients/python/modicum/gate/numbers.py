"""Numbers as people write them, in one way for the command, reports and pages: commas, no exponent, no false digits."""

import math

WHOLE_PERCENT = 9.95
"""From here on, per cents are whole: below, one decimal says more than none."""
ALMOST_ALL, TENTH_BELOW, ALL = 99.5, 99.95, 100 - 1e-6
"""From the first on, a whole per cent would say "all"; from the second on, a tenth would. The last is all."""
TWO_DECIMALS = (0.095, 100.0)
"""Between these, a number has two decimals. Below, they would show one digit; from 100 on, they say nothing."""


def number(value: float | None, absent: str = "unavailable") -> str:
    """A number for people: two decimals, two digits where it is small, whole where it is large ("1.20", "1,380")."""
    if value is None:
        return absent
    if value == 0 or TWO_DECIMALS[0] <= abs(value) < TWO_DECIMALS[1]:
        return f"{value:.2f}"
    return f"{value:,.0f}" if abs(value) >= TWO_DECIMALS[1] else significant(value, 2)


def significant(value: float, digits: int) -> str:
    """A number with so many significant digits, whole where it has as many before the point, and never an exponent."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    return f"{value:,.{max(0, digits - 1 - math.floor(math.log10(abs(value))))}f}"


def percent(share: float) -> str:
    """A share as per cent: whole numbers from 10% on, two significant digits below ("57%", "3.5%", "0.54%").

    A share just below 1 is never written as 100%: it has one decimal or two ("99.7%", "99.98%").
    """
    value = share * 100 + 0.0  # no minus before a zero
    if value != 0 and abs(value) < WHOLE_PERCENT:
        return f"{significant(value, 2)}%"
    if not ALMOST_ALL <= abs(value) < ALL:
        return f"{value:,.0f}%"
    return f"{value:.1f}%" if abs(value) < TENTH_BELOW else f"{math.copysign(min(abs(value), 99.99), value):.2f}%"


def exact_percent(share: float) -> str:
    """A share that somebody chose as per cent, as exactly as it was given ("95%", "99.9%")."""
    return f"{100 * share:.6g}%"


def points(difference: float) -> str:
    """A difference of two shares in percentage points, without the unit ("12", "-3.5", "0.54")."""
    return percent(difference).removesuffix("%")
