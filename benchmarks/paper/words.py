"""Measures as text: value, interval and n."""

from collections.abc import Mapping
from typing import Any


def share_text(measure: Mapping[str, Any]) -> str:
    """A share in per cent."""
    return _text(measure, lambda value: f"{value:.1%}")


def fraction_text(measure: Mapping[str, Any]) -> str:
    """A share of the pixels, which can be small."""
    return _text(measure, lambda value: f"{value:.2%}")


def points_text(measure: Mapping[str, Any]) -> str:
    """A difference of shares."""
    return _text(measure, lambda value: f"{value:+.3f}")


def ratio_text(measure: Mapping[str, Any]) -> str:
    """A ratio."""
    return _text(measure, lambda value: f"{value:.2f}")


def _text(measure: Mapping[str, Any], number: Any) -> str:
    if measure["value"] is None:
        return f"none ({measure['unavailable']})"
    interval = measure["interval"]
    if interval is None:
        return f"{number(measure['value'])} (no interval; n = {measure['n']})"
    low, high = (("open" if end is None else number(end)) for end in (interval["low"], interval["high"]))
    return f"{number(measure['value'])} [{low}, {high}], n = {measure['n']}"
