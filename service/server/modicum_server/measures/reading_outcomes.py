"""The outcomes of readings by the rules of the client's gate, which judges them again. Must not know any control."""

from modicum.gate.reading_rules import FEW_PIXELS, HALF, LARGER_RATIO, RULES, Told

from modicum_server.measures.measure import Measured

__all__ = ["FEW_PIXELS", "HALF", "LARGER_RATIO", "decided"]


def decided(control: str, measured: Measured) -> tuple[str, int]:
    """Return the outcome of a control's reading, from the intervals of its measures, and its number of statements.

    Statements are those about intervals that could each have led to another outcome by chance.
    """
    rule, told = RULES[control], _told(measured)
    return rule.outcome(told), rule.statements(told)


def _told(measured: Measured) -> Told:
    return {
        name: None if one.interval is None else (one.interval.low, one.interval.high) for name, one in measured.items()
    }
