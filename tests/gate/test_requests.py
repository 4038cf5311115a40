"""A result is of the request that it tells: its specification has the digest, and its rows the threshold and budget."""

import json
from dataclasses import replace

import pytest
from modicum.gate.recount import first_difference
from modicum.gate.requests import specification_digest
from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.searches import Control, ControlPlan, SearchMethod
from modicum_server.domain.statistics import Statistics
from modicum_server.domain.stopping import ShareLimit, Stopping
from modicum_server.measures.document import specification_json

from tests.gate.server_documents import every_outcome, reported
from tests.measures.example_audit import SEARCH, audit

REPORT = json.dumps(reported(every_outcome()))
LIMIT = ShareLimit(measure="accuracy", search_index=0, at_least=0.9, at_most=None, error=0.01)
SPECIFICATIONS = {
    "usual": {},
    "other statistics": {"statistics": Statistics(level=0.9)},
    "counterfactual set": {"counterfactual_dataset": "projects/p/datasets/c"},
    "controls": {"controls": (ControlPlan(Control.PIXEL_SUBSETS, method=SearchMethod.BATCHED_GRADIENT),)},
    "no control": {"controls": ()},
    "stopping": {"stopping": Stopping(limits=(LIMIT, replace(LIMIT, class_label="cat")))},
    "several searches": {"searches": (SEARCH, replace(SEARCH, threshold=1.0))},
}


@pytest.mark.parametrize("change", SPECIFICATIONS.values(), ids=SPECIFICATIONS)
def test_the_client_has_the_servers_digest_of_a_specification(change):
    asked: AuditSpecification = replace(audit().specification, **change)

    assert specification_digest(specification_json(asked)) == asked.digest


def test_a_fraction_that_was_written_as_a_whole_number_has_the_same_digest():
    asked = replace(audit().specification, searches=(replace(SEARCH, threshold=1.0),))
    told = specification_json(asked)
    told["searches"][0] |= {"threshold": 1, "fraction": 0}

    assert specification_digest(told) == asked.digest


def test_an_empty_field_of_a_later_release_does_not_count():
    asked = audit().specification

    assert specification_digest({**specification_json(asked), "later": None}) == asked.digest


def edited(edit):
    """A report after an edit of what was asked for, in both places where it stands."""
    found = json.loads(REPORT)
    edit(found["specification"])
    asked, ran = found["specification"]["searches"][0], found["models"][0]["searches"][0]
    ran["search"] = {name: one for name, one in asked.items() if name != "digest"}
    return found


@pytest.mark.parametrize("rows", [True, False], ids=["with rows", "without rows"])
@pytest.mark.parametrize(
    "edit",
    [
        lambda asked: asked.update(seed=8),
        lambda asked: asked.update(sample=10_000),
        lambda asked: asked["searches"][0].update(passes=5000),
        lambda asked: asked["searches"][0].update(threshold=0.91),
        lambda asked: asked["statistics"].update(alpha=0.01),
    ],
    ids=["seed", "sample", "passes", "threshold", "alpha"],
)
def test_an_edited_request_is_noticed(edit, rows):
    found = edited(edit)
    if not rows:
        del found["rows"]

    assert first_difference(found)


def sealed(found):
    """The document with the digest of its edited specification."""
    return {**found, "specification_digest": specification_digest(found["specification"])}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"threshold": 0.975}, "confidence is 0.97, but at least the threshold 0.975 was counted"),
        ({"threshold": 0.5}, "eligible is False, but a confidence of at least the threshold 0.5 was counted"),
        ({"passes": 1}, "passes is "),
    ],
    ids=["higher", "lower", "budget"],
)
def test_rows_of_another_request_are_noticed_beside_a_digest_that_fits(change, told):
    found = sealed(edited(lambda asked: asked["searches"][0].update(change)))

    assert told in first_difference(found)


def test_a_subset_below_the_threshold_is_noticed():
    found = json.loads(REPORT)
    row = next(one for one in found["rows"] if one["subset"] is not None)
    row["verified_confidence"] = 0.5

    assert first_difference(found).endswith(".verified_confidence is 0.5, but at least the threshold 0.9 was counted")


def test_a_confidence_in_the_precision_of_32_bits_may_lie_at_the_threshold():
    found = json.loads(REPORT)
    row = next(one for one in found["rows"] if one["eligible"])
    row["confidence"] = 0.9 - 1e-8

    assert first_difference(found) == ""
