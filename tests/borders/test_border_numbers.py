"""A number that a model can make NaN is declared as `Number`, or its finding could not be stored as strict JSON."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from modicum_server.domain import findings
from modicum_server.domain.json_types import Number

#: Numbers of a finding that no model can make NaN, and why.
FINITE = {
    ("ObjectsFinding", "area"),  # counted pixels
    ("ObjectsFinding", "share"),  # counted pixels
    ("FindingControls", "critical_temperature"),  # of a search by bisection between finite ends
}


def _records(kind: Any, seen: set[type]) -> Iterator[type]:
    """The record and every record within it, each once."""
    if is_dataclass(kind) and kind not in seen:
        seen.add(kind)
        yield kind
        for hint in get_type_hints(kind).values():
            yield from _records(hint, seen)
    for part in get_args(kind):
        yield from _records(part, seen)


def _plain_floats(hint: Any) -> bool:
    """Whether a float stands in the type that is not a `Number`."""
    return hint is float or (hint != Number and any(map(_plain_floats, get_args(hint))))


def test_each_number_of_a_finding_may_be_nan_or_cannot_be():
    records = list(_records(findings.Finding, set()))

    plain = {
        (record.__name__, field.name)
        for record in records
        for field in fields(record)
        if _plain_floats(get_type_hints(record, include_extras=True)[field.name])
    }

    assert len(records) > 5
    assert plain == FINITE
