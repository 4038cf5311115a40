"""The gate on documents that the server makes: it judges the same sources, and finds what the server finds."""

import hashlib
import io
import json
from datetime import date

import pytest
from modicum.gate import paired
from modicum.gate.judging import judge
from modicum.gate.other_alpha import OF_ENSEMBLE, at_alpha
from modicum.gate.policy_file import policy_of
from modicum.gate.recount import stored_digest
from modicum.gate.spots import _row
from modicum_server.domain.findings import MEASURED_REASONS, FindingControls, ScoredVariant
from modicum_server.domain.statistics import Statistics
from modicum_server.measures.document import canonical_json
from modicum_server.measures.measure import Measure
from modicum_server.measures.mitigation_rule import cautions
from modicum_server.measures.rows import finding_row, write_findings
from modicum_server.measures.spots import places_of
from modicum_server.reports.json_report import JsonReport

from tests.gate.server_documents import CATS, EVERYONE, FINDINGS, IMAGES, RATES, every_outcome, reported, served, trial
from tests.measures.example_audit import (
    OTHER_VERSION,
    VERSION,
    controls,
    document_and_rows,
    finding,
    mixed_findings,
    variants,
)


def judged(document, policy=""):
    today = date(2026, 11, 27)
    return judge(document, policy_of(f"version: 1\n{policy}", "modicum.yaml", today=today), today=today)


def test_the_document_holds_the_very_values_that_the_server_judged():
    halves = (trial(EVERYONE[:20], follow=True), trial(EVERYONE[20:CATS], follow=False, half=1))
    document, rows = served(*halves)

    read = _row(1, document["spots"][0]["rows"][1], ()).places

    (server,) = [place.tested for place in places_of(rows[1], 0.95)]
    assert sorted(read[0].pasted) == sorted(server.pasted)
    assert sorted(read[0].covered) == sorted(server.covered)


@pytest.mark.parametrize(
    ("cats", "server", "gate"),
    [
        pytest.param([{"follow": False}], "NONE_FOUND", "PASS", id="nothing decides"),
        pytest.param([{"follow": True}], "DECISIVE", "FAIL", id="a place decides"),
        pytest.param([{"follow": False}, {"follow": True, "outside": True}], "SHORTCUT", "FAIL", id="a shortcut"),
    ],
)
def test_the_gate_finds_what_the_server_finds(cats, server, gate):
    document, _ = served(*(trial(EVERYONE[:CATS], **one) for one in cats))

    verdict = judged(document)

    assert (document["spots"][0]["outcome"], str(verdict.outcome)) == (server, gate)


ACCEPT = "accept: [{rule: spot, class: cat, place: {top: 0, left: 0, height: 9, width: 9}, reason: it is, owner: us}]"


@pytest.mark.parametrize(("outside", "gate"), [(False, "PASS"), (True, "FAIL")])
def test_an_accepted_place_is_no_excuse_for_what_decides_outside_the_objects(outside, gate):
    document, _ = served(*(trial(EVERYONE[:CATS], follow=True, outside=one) for one in {False, outside}))

    assert str(judged(document, ACCEPT).outcome) == gate


def test_a_rule_of_every_kind_can_be_judged_on_what_the_server_writes():
    document, _ = served(trial(EVERYONE[:CATS], follow=False))
    document = {**document, "rows": [finding_row(one) for one in FINDINGS]}
    policy = """rules:
  accuracy: {min: 0.5, classes: all}
  subset-fraction-median: {max: 0.9}
  overinterpretation-rate: {level: warn, max: 0.99}
"""

    verdict = judged(document, policy)

    accuracy = next(one for one in verdict.rules if one.rule.id == "accuracy")
    assert {one.rule.id for one in verdict.rules} >= {"spot", "subset-fraction-median", "overinterpretation-rate"}
    assert [(check.subject, check.n, str(check.outcome)) for check in accuracy.checks] == [
        ("", IMAGES, "PASS"),
        ("cat", CATS, "PASS"),
        ("dog", CATS, "PASS"),
    ]


def test_the_ratio_to_a_baseline_is_the_servers_comparison_of_two_versions():
    first = [finding(at, 3 + at % 5) for at in range(40)]
    second = [finding(at, 2 + at % 7, model_version=OTHER_VERSION) for at in range(5, 50)]
    together, _ = document_and_rows([*first, *second], versions=(VERSION, OTHER_VERSION))
    policy = "version: 1\nbaseline: {file: b}\nrules: {subset-fraction: {min_ratio_to_baseline: 0.1}}"

    verdict = judge(
        reported(first),
        policy_of(policy, "modicum.yaml", today=date(2026, 11, 27)),
        today=date(2026, 11, 27),
        baseline=reported(second, versions=(OTHER_VERSION,)),
    )

    check = next(one for one in verdict.rules if one.rule.id == "subset-fraction").checks[0]
    served = together["comparisons"][0]["measures"]["subset_fraction_ratio"]
    assert (check.value, check.n) == (pytest.approx(served["value"]), served["n"])


def test_rates_are_counted_again_at_another_alpha_as_the_server_counts_them():
    given = [
        *mixed_findings(),
        *(finding(at, at % 30 + 1, controls=controls(at % 20), label=at % 2) for at in range(20, 60)),
    ]
    served, _ = document_and_rows(given, statistics=Statistics(alpha=0.2))

    again = at_alpha(reported(given), 0.2)

    counted, told = (one["models"][0]["searches"][0]["measures"] for one in (again, served))
    for name in RATES:
        assert counts(counted[name]) == counts(told[name]), name
        groups = told[name].get("groups", {})
        assert {index: counts(one) for index, one in counted[name].get("groups", {}).items()} == {
            index: counts(one) for index, one in groups.items()
        }


def test_the_verdict_on_an_ensemble_is_the_same_at_another_alpha():
    given = reported(every_outcome())
    check = {
        "verdict": "MITIGATED",
        "measures": {OF_ENSEMBLE: {}, "subset_fraction_ratio": {}},
        "cautions": ["the searches disagree", cautions({OF_ENSEMBLE: Measure(0.1, "difference", 99)})[-1]],
        "versions": {VERSION: {"measures": {"overinterpretation_rate": {}, "accuracy": {}}, "plain_passes": 1}},
    }

    (again,) = at_alpha({**given, "mitigation": [check]}, 0.2)["mitigation"]

    assert again == {
        "verdict": "MITIGATED",
        "measures": {"subset_fraction_ratio": {}},
        "cautions": ["the searches disagree"],
        "versions": {VERSION: {"measures": {"accuracy": {}}, "plain_passes": 1}},
    }


REGIONS = (("ring", 1), ("band", 0))
"""What is filled, and the class that is predicted then."""
LOST = {"shortcut": ("NONE_SEEN", "SHORTCUT"), "random": ("THESE_PIXELS", "ANY_PIXELS")}


@pytest.mark.parametrize(("control", "expected"), [(name, one[0]) for name, one in LOST.items()])
def test_readings_fail_at_their_share_of_the_budget(control, expected):
    ring, band = (ScoredVariant(f"{name}_filled", 0.6, sufficient=False, predicted_class=of) for name, of in REGIONS)
    filled = (*variants().variants, ring, band)
    document, _ = document_and_rows([finding(at, controls=FindingControls(variants=filled)) for at in range(60)])

    verdict = judged(document, f"rules: {{spot: off, {control}: {{expect: [{expected}]}}}}")

    (rule,) = [one for one in verdict.rules if one.rule.id == control]
    assert str(rule.outcome) == "FAIL"
    assert rule.p <= 1e-4
    assert rule.worst.subject == LOST[control][1]


def counts(measure):
    return measure["value"], measure["n"], measure["parameters"].get("successes", 0)


def test_the_gate_and_the_server_tell_failed_images_by_the_same_reasons():
    assert set(map(str, MEASURED_REASONS)) == paired.MEASURED_REASONS


def test_a_report_of_the_server_has_the_digest_of_its_result():
    document, rows = document_and_rows(every_outcome())
    packed = io.BytesIO()
    write_findings(rows, packed)
    writer = JsonReport({**document, "spot_pictures": [{"uri": "data:,"}]})
    text = b"".join([writer.begin(), *writer.feed(packed.getvalue()), writer.end()])

    assert stored_digest(json.loads(text)) == hashlib.sha256(canonical_json(document)).hexdigest()
