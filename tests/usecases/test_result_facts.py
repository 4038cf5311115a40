"""What pages know of a version from its result document."""

from dataclasses import replace

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.domain.models import Ensemble
from modicum_server.measures.document import canonical_json
from modicum_server.usecases.result_facts import ResultFacts, differing, facts_in

from tests.measures.example_audit import VERSION, document_and_rows, finding
from tests.reports.spot_rows import FINDINGS, rows

ENSEMBLE = tuple(f"projects/default/models/{name}/versions/1" for name in ("other", "both"))


POOLED = {VERSION: [replace(rows(follow=False)[VERSION][1], target_class=None, sources=40)]}
"""No class has a row of its own."""


@pytest.mark.parametrize(
    ("spots", "outcome"),
    [
        (rows(), "DECISIVE"),
        (rows(follow=False), "INCONCLUSIVE"),
        ({}, ""),
        (POOLED, "NONE_FOUND_WITH_CLASSES_POOLED"),
    ],
)
async def test_a_version_has_the_outcome_of_its_spot_test(tmp_path, spots, outcome):
    store = open_artifact_store(str(tmp_path))
    document, _ = document_and_rows(FINDINGS, spots=spots)

    facts = await ResultFacts(store).of(await store.put(canonical_json(document)))

    assert (facts[VERSION].spots, facts[VERSION].outcome) == (outcome, outcome)
    assert facts[VERSION].sentences


async def test_the_strongest_spot_is_a_figure_with_its_class_beside_those_of_the_search(tmp_path):
    store = open_artifact_store(str(tmp_path))
    document, _ = document_and_rows(FINDINGS, spots=rows())

    facts = (await ResultFacts(store).of(await store.put(canonical_json(document))))[VERSION]

    spot = facts.figures["spot_pasted_difference"]
    assert (spot.value, spot.n, spot.unit, spot.about, spot.is_headline) == (1.0, 20, "difference", "cat", True)
    assert spot.low < spot.value == spot.high
    assert facts.figures["accuracy"].about == ""


async def test_the_spots_of_another_search_are_no_figure_of_this_one(tmp_path):
    store = open_artifact_store(str(tmp_path))
    document, _ = document_and_rows(FINDINGS, spots=rows())
    document["spots"][0]["search_index"] = 1

    facts = (await ResultFacts(store).of(await store.put(canonical_json(document))))[VERSION]

    assert "accuracy" in facts.figures
    assert "spot_pasted_difference" not in facts.figures


async def test_an_ensemble_has_the_verdict_of_its_check_and_its_members_have_none(tmp_path):
    store, (one, other, both) = open_artifact_store(str(tmp_path)), (VERSION, *ENSEMBLE)
    findings = [finding(place, 2, model_version=name) for name in (one, other, both) for place in range(12)]
    document, _ = document_and_rows(findings, versions=(one, other, both), sources={both: Ensemble((one, other))})
    (check,) = document["mitigation"]

    facts = await ResultFacts(store).of(await store.put(canonical_json(document)))

    assert (facts[one].mitigation, facts[both].mitigation) == ("", check["verdict"])
    assert facts[both].mitigation


async def test_an_audit_without_a_result_has_no_facts(tmp_path):
    assert await ResultFacts(open_artifact_store(str(tmp_path))).of("") == {}


@pytest.mark.parametrize(
    ("name", "digest", "differs"),
    [
        ("few", "b" * 64, [("data set", "few (aaaaaaaa)", "few (bbbbbbbb)")]),
        ("copy", "a" * 64, []),
    ],
    ids=["the name of another data set", "another name of the same data set"],
)
def test_data_sets_are_compared_by_their_content_and_not_by_their_name(name, digest, differs):
    def conditions(name: str, digest: str):
        document, _ = document_and_rows(FINDINGS)
        document["specification"]["dataset"] = f"projects/default/datasets/{name}"
        document["parameters"]["manifest_digest"] = digest
        return facts_in(document)[VERSION].conditions

    assert differing(conditions("few", "a" * 64), conditions(name, digest)) == differs
