"""The readings of a document, taken again by their rules: what their outcomes must be. Judges nothing."""

from collections.abc import Mapping
from typing import Any

from modicum.gate.class_rules import class_rules
from modicum.gate.differing import Differences, differing
from modicum.gate.intervals import TAILS
from modicum.gate.reading_rules import AppliedRule, plain_rules

Document = Mapping[str, Any]


def applied_rules(document: Document, version: str, search: Document) -> dict[str, AppliedRule]:
    """Return the rules of the readings of a version under one of its searches, by control."""
    return {**plain_rules(search["measures"]), **class_rules(document, version, search)}


def readings_differing(document: Document) -> Differences:
    """Yield readings that do not say what their rule makes of the numbers, at the result's level and at each tail."""
    for at, model in enumerate(document["models"]):
        for index, search in enumerate(model["searches"]):
            rules = applied_rules(document, model["model_version"], search)
            for place, reading in enumerate(search["readings"]):
                if (rule := rules.get(reading["control"])) is not None:
                    yield from _differing(f"models[{at}].searches[{index}].readings[{place}]", reading, rule)


def _differing(path: str, reading: Document, rule: AppliedRule) -> Differences:
    yield from differing(f"{path}.outcome", reading["outcome"], rule.outcome(None))
    yield from differing(f"{path}.statements", reading["statements"], rule.statements)
    yield from differing(f"{path}.outcomes", [tail for tail, _ in reading["outcomes"]], list(TAILS))
    for place, (tail, outcome) in enumerate(reading["outcomes"]):
        yield from differing(f"{path}.outcomes[{place}]", outcome, rule.outcome(tail))
