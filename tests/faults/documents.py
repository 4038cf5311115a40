"""Compares result documents. A disturbed run may differ from an undisturbed one only in the keys listed here."""

import json
from typing import Any

#: When the audit was requested, and under which name.
TIMES_AND_NAMES = ("audit", "created")
#: What depends on the machine: the batch size of a search is chosen by timing.
MACHINE = ("chunk_size", "acceleration")


def comparable(audit: Any) -> dict[str, Any]:
    """The result document and its findings, without what may differ between two runs of one specification."""
    document: dict[str, Any] = json.loads(audit.report("json"))
    for key in TIMES_AND_NAMES:
        del document[key]
    for key in MACHINE:
        document["parameters"].pop(key, None)
    return document


def items_of(document: dict[str, Any]) -> list[Any]:
    """Which item has which subset."""
    return [(row["item"], row["subset"], row["reason"]) for row in document["rows"]]
