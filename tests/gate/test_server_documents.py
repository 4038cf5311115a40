"""The gate on documents that the server makes: it judges the same sources, and finds what the server finds."""

import hashlib
import io
import json
from dataclasses import replace
from datetime import date

import pytest
from modicum.gate import intervals, paired, reading_rules, recount
from modicum.gate.judging import judge
from modicum.gate.measured_again import MEASURES
from modicum.gate.other_alpha import OF_ENSEMBLE, at_alpha
from modicum.gate.policy_file import policy_of
from modicum.gate.recount import first_difference, stored_digest
from modicum.gate.spots import _row
from modicum_server.domain.findings import (
    MEASURED_REASONS,
    FillRobustFinding,
    FindingControls,
    FindingReason,
    ObjectsFinding,
    Passes,
    ScoredVariant,
)
from modicum_server.domain.searches import Control, ControlPlan, TargetRule
from modicum_server.domain.spots import SpotKind, SpotOutcomes, SpotPlace, SpotRow, SpotTrial
from modicum_server.domain.statistics import Statistics
from modicum_server.measures import by_class
from modicum_server.measures.document import canonical_json
from modicum_server.measures.registry import measure_titles
from modicum_server.measures.rows import finding_row, write_findings
from modicum_server.measures.spots import places_of
from modicum_server.reports.json_report import JsonReport

from tests.measures.example_audit import (
    OTHER_VERSION,
    SEARCH,
    VERSION,
    controls,
    document_and_rows,
    finding,
    mixed_findings,
    variants,
)

CATS, IMAGES = 40, 80
FINDINGS = [
    finding(at, predicted_class=int(at >= CATS), target_class=int(at >= CATS), label=int(at >= CATS))
    for at in range(IMAGES)
]
EVERYONE = tuple(range(IMAGES))


def trial(sources, *, follow, half=0, outside=False, kind=SpotKind.WINDOW):
    """Two pairs a source, of which the first follows."""
    twice = tuple(source for source in sources for _ in range(2))
    here = tuple(follow and at % 2 == 0 for at in range(len(twice)))
    zero = (0,) * len(twice)
    outcomes = SpotOutcomes(twice, tuple(reversed(twice)), here, (False,) * len(twice), zero, zero)
    return SpotTrial(half, SpotPlace(kind, 2, 3, 1, 4), (), outcomes, outcomes, outside)


def served(*cats):
    """A document whose spot test has these trials of class 0, and nothing that decides for class 1 and for all."""
    rows = [
        SpotRow(None, IMAGES, (trial(EVERYONE, follow=False),)),
        SpotRow(0, CATS, cats),
        SpotRow(1, IMAGES - CATS, (trial(EVERYONE[CATS:], follow=False),)),
    ]
    return document_and_rows(FINDINGS, spots={VERSION: rows}, plans=(ControlPlan(Control.SPOT),))[0], rows


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


def reported(findings, **more):
    """A report in JSON: a document with its rows."""
    document, rows = document_and_rows(findings, **more)
    return {**document, "rows": [finding_row(one) for one in rows]}


def test_the_ratio_to_a_baseline_is_the_servers_comparison_of_two_versions():
    first = [finding(at, 3 + at % 5) for at in range(30)]
    second = [finding(at, 2 + at % 7, model_version=OTHER_VERSION) for at in range(5, 40)]
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


RATES = [name for name in measure_titles() if name.startswith("overinterpretation_rate")]


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
    check = {"ensemble": VERSION, "verdict": "MITIGATED", "measures": {OF_ENSEMBLE: {}, "subset_fraction_ratio": {}}}

    again = at_alpha({**given, "mitigation": [check]}, 0.2)

    assert [(one["verdict"], list(one["measures"])) for one in again["mitigation"]] == [
        ("MITIGATED", ["subset_fraction_ratio"])
    ]


LOST = {"shortcut": ("NONE_SEEN", "SHORTCUT"), "random": ("THESE_PIXELS", "ANY_PIXELS")}


@pytest.mark.parametrize(("control", "expected"), [(name, one[0]) for name, one in LOST.items()])
def test_readings_fail_at_their_share_of_the_budget(control, expected):
    filled = (*variants().variants, ScoredVariant("ring_filled", 0.6, sufficient=False, predicted_class=1))
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


def every_outcome():
    """Findings of every kind, with labels, controls, objects and images that failed."""
    robust = FillRobustFinding(20, 2.0, 12, 11, 0.93, False, Passes(9, 9))  # a record of the domain
    whole = replace(variants().variants[0], variant="outside_filled", predicted_class=1)
    more = [
        replace(
            controls(at % 20 or None, black=at % 3 > 0),
            variants=(*variants(sufficient=at % 4 > 0, confidence=at / 61, predicted=at % 2).variants, whole),
            fill_robust=replace(robust, size=at + 1, reason=FindingReason.NOT_FOUND if at == 25 else None),
            objects=ObjectsFinding(area=at % 11 / 10, share=at / 61),
        )
        for at in range(20, 60)
    ]
    return [
        *mixed_findings(),
        *(
            finding(at, at % 30 + 1, controls=one, label=at % 2, predicted_class=at % 3 % 2, target_class=at % 3 % 2)
            for at, one in enumerate(more, 20)
        ),
        finding(60, image_digest=finding(21).image_digest, label=1),
    ]


OTHER_CLASS = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
RESULTS = {
    "for the predicted class": {},
    "for another class": {"searches": (OTHER_CLASS,)},
    "at another level": {"statistics": Statistics(level=0.8, alpha=0.2)},
}
"""Options of results that hold every measure, in each kind of search."""
NOT_TAKEN = {"border_share_median", *(name for name in measure_titles() if name.startswith("pixel_subsets_"))}
"""Measures of what the rows of a report lack."""


@pytest.mark.parametrize("options", RESULTS.values(), ids=RESULTS)
def test_a_result_of_the_server_says_what_its_rows_say(options):
    assert first_difference(reported(every_outcome(), **options)) == ""


def test_every_measure_but_those_of_what_a_report_lacks_is_taken_again():
    assert {*MEASURES, "shortcut_accuracy_drop"} == set(measure_titles()) - NOT_TAKEN
    assert recount.MOST_CLASSES == by_class.MOST_CLASSES


def dotted(path):
    """A path as differences name it: models[0].counts."""
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in path).removeprefix(".")


def edit(*path, to, named=""):
    """A path into the search of a result, another value, and how the difference that must be named begins."""
    return pytest.param(path, to, named or f"{dotted(path)} is {to}, but ", id=dotted(path))


#: What a person might edit.
EDITS = [
    *(edit("counts", name, to=3) for name in ("images", "eligible", "not_eligible", "with_subset", "failed")),
    *(edit("counts", name, to=30) for name in ("baseline_confident", "budget_exhausted", "saturated")),
    *(
        edit("measures", name, *path, to=999)
        for name in ("accuracy", "eligible_share", "baseline_confident_share", "fill_survival_black", *RATES)
        for path in (("n",), ("parameters", "successes"))
    ),
    *(edit("measures", name, "groups", "0", "n", to=900) for name in ("overinterpretation_rate", "accuracy")),
    *(
        edit("measures", name, *path, to=0.123)
        for name in ("subset_fraction_median", "dilated_confidence_median", "object_share_median")
        for path in (("value",), ("interval", "low"))
    ),
    *(
        edit("measures", name, "evidence", "ends", 2, 1, to=0.123, named=f"measures.{name}.evidence.ends is [[0.05, ")
        for name in ("subset_fraction_median", "dilated_confidence_median", "object_share_median")
    ),
    edit("measures", "accuracy", "value", to=0.99),
    edit("measures", "accuracy", "interval", "high", to=0.99),
    edit("measures", "subset_fraction_median", "groups", "1", "value", to=0.99),
    edit("measures", "shortcut_accuracy_drop", "value", to=0.0),
    edit("measures", "shortcut_accuracy_drop", "groups", "0", "parameters", "differing", to=0),
    edit("readings", 0, "outcome", to="THIS_CLASS"),
    edit("readings", 0, "statements", to=1),
    edit("readings", 1, "outcomes", 14, 1, to="SURVIVES", named="readings[1].outcomes[14] is SURVIVES, but "),
]


@pytest.mark.parametrize(("path", "number", "named"), EDITS)
def test_an_edited_number_is_named(path, number, named):
    result = json.loads(json.dumps(reported(every_outcome())))
    part = result["models"][0]["searches"][0]
    for name in path[:-1]:
        part = part[name]
    assert part[path[-1]] != number
    part[path[-1]] = number

    assert first_difference(result).startswith(f"models[0].searches[0].{named}")


def test_a_class_that_was_removed_is_noticed():
    result = json.loads(json.dumps(reported(every_outcome())))
    del result["models"][0]["searches"][0]["measures"]["accuracy"]["groups"]["1"]

    assert (
        first_difference(result) == "models[0].searches[0].measures.accuracy.groups.1 is missing, but one was counted"
    )


@pytest.mark.parametrize("name", ["accuracy", "subset_fraction_median", "shortcut_accuracy_drop"])
def test_the_removal_of_all_classes_is_noticed(name):
    result = json.loads(json.dumps(reported(every_outcome())))
    del result["models"][0]["searches"][0]["measures"][name]["groups"]

    assert first_difference(result) == f"models[0].searches[0].measures.{name}.groups.0 is missing, but one was counted"


def test_a_result_of_an_older_release_may_lack_all_classes():
    result = json.loads(json.dumps(reported(every_outcome()[:-1])))
    del result["dataset"]["pictures"]
    del result["models"][0]["searches"][0]["measures"]["accuracy"]["groups"]

    assert first_difference(result) == ""


READ = {
    "class_targeted": "THIS_CLASS",
    "fill": "SURVIVES",
    "fill_robust": "FEW_PIXELS",
    "dilated": "SURVIVES",
    "mask_only": "SHAPE",
    "random": "THESE_PIXELS",
    "pixel_subsets": "FEW_PIXELS",
}
"""A settled outcome of each control whose rule stands in the client."""


@pytest.mark.parametrize("control", READ)
def test_a_reading_whose_measures_were_removed_is_noticed(control):
    document, _ = document_and_rows(every_outcome())
    search = json.loads(json.dumps(document["models"][0]["searches"][0]))
    rule = reading_rules.RULES[control]
    search["measures"] = {name: one for name, one in search["measures"].items() if not name.startswith(rule.prefix)}
    said = {"control": control, "outcome": READ[control], "statements": 3}
    search["readings"] = [{**said, "outcomes": [[tail, READ[control]] for tail in intervals.TAILS]}]

    differs = first_difference({**document, "models": [{**document["models"][0], "searches": [search]}]})

    assert differs == f"models[0].searches[0].readings[0].outcome is {READ[control]}, but INCONCLUSIVE was counted"


@pytest.mark.parametrize(("successes", "told"), [(999, "at most 60"), (-1, "at least 0")])
def test_a_count_that_cannot_be_is_noticed_without_rows(successes, told):
    document, _ = document_and_rows(every_outcome())
    document = json.loads(json.dumps(document))
    measure = document["models"][0]["searches"][0]["measures"]["fill_survival_black"]
    measure["parameters"]["successes"] = successes
    told = told.replace("60", str(measure["n"]))

    assert first_difference(document) == (
        "models[0].searches[0].measures.fill_survival_black.parameters.successes is "
        f"{successes}, but {told} was counted"
    )


@pytest.mark.parametrize("field", [{"value": None}, {"unit": "ratio"}])
def test_a_count_that_cannot_be_is_noticed_whatever_else_was_edited(field):
    document, _ = document_and_rows(every_outcome())
    document = json.loads(json.dumps(document))
    measure = document["models"][0]["searches"][0]["measures"]["fill_survival_black"]
    measure["parameters"]["successes"] = 999
    measure |= field

    assert "fill_survival_black.parameters.successes is 999" in first_difference(document)


def test_a_result_without_rows_that_contradicts_itself_is_noticed():
    document, _ = document_and_rows(every_outcome())
    reading = next(one for one in document["models"][0]["searches"][0]["readings"] if one["control"] == "dilated")
    assert first_difference(document) == ""

    reading["outcome"] = "DESTROYED"

    assert first_difference(document).endswith("].outcome is DESTROYED, but SURVIVES was counted")


def test_a_result_of_an_older_release_is_compared_by_counts_and_shares_alone():
    result = json.loads(json.dumps(reported(every_outcome()[:-1])))
    del result["dataset"]["pictures"]
    search = result["models"][0]["searches"][0]
    search["measures"]["subset_fraction_median"]["value"] = search["readings"][0]["outcome"] = "as it was called then"
    assert first_difference(result) == ""

    search["measures"]["accuracy"]["n"] += 1

    assert first_difference(result).startswith("models[0].searches[0].measures.accuracy.n is ")


SPOT_EDITS = [
    (("outcome",), "NONE_FOUND"),
    (("rows", 1, "whole_outcome"), "NONE_FOUND"),
    (("rows", 1, "outcome"), "NONE_FOUND"),
    (("rows", 1, "places", 0, "measures", "spot_pasted_difference", "value"), 0.01),
    (("rows", 1, "places", 0, "measures", "spot_pasted_difference", "interval", "high"), 0.02),
    (("rows", 1, "places", 0, "pasted", 0, "here"), 0),
]


@pytest.mark.parametrize(("path", "value"), SPOT_EDITS, ids=[".".join(map(str, path)) for path, _ in SPOT_EDITS])
def test_an_edited_spot_test_is_noticed(path, value):
    document, _ = served(trial(EVERYONE[:CATS], follow=True))
    document = json.loads(json.dumps(document))
    assert first_difference(document) == ""
    part = document["spots"][0]
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = value

    assert first_difference(document).startswith("spots[0].")


@pytest.mark.parametrize("path", [("outcome",), ("rows", 1, "whole_outcome"), ("rows", 1, "outcome")])
def test_an_outcome_of_a_spot_test_that_was_removed_is_noticed(path):
    document, _ = served(trial(EVERYONE[:CATS], follow=True))
    document = json.loads(json.dumps(document))
    part = document["spots"][0]
    for name in path[:-1]:
        part = part[name]
    del part[path[-1]]

    assert first_difference(document) == f"spots[0].{dotted(path)} is None, but DECISIVE was counted"


def test_a_row_that_was_removed_is_noticed():
    result = reported(every_outcome())
    rows = result["findings"]["rows"]

    assert (
        first_difference({**result, "rows": result["rows"][1:]})
        == f"findings.rows is {rows}, but {rows - 1} was counted"
    )


def test_a_report_of_the_server_has_the_digest_of_its_result():
    document, rows = document_and_rows(every_outcome())
    packed = io.BytesIO()
    write_findings(rows, packed)
    writer = JsonReport({**document, "spot_pictures": [{"uri": "data:,"}]})
    text = b"".join([writer.begin(), *writer.feed(packed.getvalue()), writer.end()])

    assert stored_digest(json.loads(text)) == hashlib.sha256(canonical_json(document)).hexdigest()
