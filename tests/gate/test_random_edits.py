"""No single random edit of a result with rows makes a rule pass that did not."""

import json
import random
from collections.abc import Iterator

import pytest
from modicum.errors import ModicumError
from modicum.gate.recount import first_difference
from modicum.gate.result_form import refuse_damaged_result

from tests.gate.documents import outcomes, verdict
from tests.gate.server_documents import every_outcome, reported

SEED, EDITS = 20261130, 220
POLICY = """rules:
  spot: off
  accuracy: {min: 0.9}
  shortcut-accuracy-excess: {max: -0.3}
  subset-fraction-median: {min: 0.9}
  overinterpretation-rate: {max: 0.1}
  dilated-confidence-median: {min: 0.99}
  fill-survival-black: {min: 0.99}
"""
REPORT = json.dumps(reported(every_outcome()))
NAMES = ("successes", "differing", "ends", "deviation", "skewness", "with_two_images_added", "region", "unit", "n")
VALUES = (None, 0, 1, -0.9, 1e-9, 10**6, True, "share", "difference", "fraction", "edge", {}, [])
LOW, HIGH = [[0.05, -0.9, -0.8]], [[0.05, 0.97, 0.99]]
EVIDENCE = (
    {"evidence": {"ends": LOW}},
    {"evidence": {"ends": HIGH}},
    {"evidence": {"deviation": 1e-9, "skewness": 0}},
    {"unit": "fraction", "evidence": {"ends": HIGH}},
    {"parameters": {"region": "edge", "with_two_images_added": {"low": -0.9, "high": -0.8}}},
)
"""What would let a measure be judged by another number."""
WORSE = ("FAIL", "INCONCLUSIVE")


def parts(value) -> Iterator[dict]:
    """Each mapping below a value, itself too."""
    if isinstance(value, dict):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts(one)


def edit(chance, document):
    """Change, add, delete or rename one key of a measure, or give it other evidence, and say what was done."""
    measures = document["models"][0]["searches"][0]["measures"]
    name = chance.choice(sorted(measures))
    part = chance.choice(list(parts(measures[name])))
    kind, keys = chance.choice(("change", "add", "delete", "rename", "evidence")), sorted(part)
    new, value = chance.choice(NAMES), chance.choice(VALUES)
    if kind == "evidence":
        measures[name] |= (value := chance.choice(EVIDENCE))
    elif kind == "add" or not keys:
        part[new] = value
    elif kind == "delete":
        del part[chance.choice(keys)]
    elif kind == "rename":
        part[new] = part.pop(chance.choice(keys))
    else:
        part[chance.choice(keys)] = value
    return name, kind, new, value


def outcomes_of(document):
    """The outcome of each rule; none where the document is refused."""
    try:
        refuse_damaged_result(document, "result.json")
        if first_difference(document):
            return {}
    except (ModicumError, KeyError):
        return {}
    return outcomes(verdict(POLICY, document))


@pytest.mark.long
def test_no_random_edit_makes_a_rule_pass():
    before, chance = outcomes_of(json.loads(REPORT)), random.Random(SEED)
    assert {*WORSE} >= {*before.values()} - {"PASS"} != set()

    for _ in range(EDITS):
        edited = json.loads(REPORT)
        done = edit(chance, edited)
        after = outcomes_of(edited)

        assert [name for name, one in after.items() if one == "PASS" and before[name] in WORSE] == [], done
