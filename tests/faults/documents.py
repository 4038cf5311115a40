"""What of a result document must not change when a run is disturbed: everything but the keys listed here."""

import json
from typing import Any

#: When, and under which name, it was asked for.
TIMES_AND_NAMES = ("audit", "created")
#: What names the machine: how many images are searched at once is measured by a clock.
MACHINE = ("chunk_size", "acceleration")


def comparable(audit: Any) -> dict[str, Any]:
    """The result document with its findings, without what may differ between two runs of one specification."""
    document: dict[str, Any] = json.loads(audit.report("json"))
    for key in TIMES_AND_NAMES:
        del document[key]
    for key in MACHINE:
        document["parameters"].pop(key, None)
    return document


def items_of(document: dict[str, Any]) -> list[Any]:
    """The findings in short: which item has which subset."""
    return [(row["item"], row["subset"], row["reason"]) for row in document["rows"]]
