"""The outcomes of readings by the rules of the client's gate, which judges them again. Must not know any control."""

from modicum.gate.reading_rules import FEW_PIXELS, HALF, LARGER_RATIO, RULES, Intervals

from modicum_server.measures.measure import Measured

__all__ = ["FEW_PIXELS", "HALF", "LARGER_RATIO", "decided"]


def decided(control: str, measured: Measured) -> tuple[str, int]:
    """Return the outcome of a control's reading, from the intervals of its measures, and its number of statements.

    Statements are those about intervals that could each have led to another outcome by chance.
    """
    rule, intervals = RULES[control], _intervals(measured)
    return rule.outcome(intervals), rule.statements(intervals)


def _intervals(measured: Measured) -> Intervals:
    return {
        name: None if one.interval is None else (one.interval.low, one.interval.high) for name, one in measured.items()
    }
