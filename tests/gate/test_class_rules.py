"""Readings that look at classes or at other versions: the gate takes their outcomes again from a document."""

import json
from dataclasses import replace
from functools import cache, partial

import pytest
from modicum.gate import class_rules
from modicum.gate.planning import planned
from modicum.gate.policy_file import policy_of
from modicum.gate.recount import first_difference
from modicum.gate.scaling import scaled
from modicum.gate.variants import COMPARED_WITH, RING_FILLED
from modicum.gate.verdict import Outcome
from modicum_server.domain.findings import FindingControls, FindingReason, Prediction, ScoredVariant, TransferFinding
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.statistics import Statistics
from modicum_server.measures.counterfactual_set import CounterfactualSet, Pair

from tests.gate.documents import TODAY
from tests.gate.server_documents import of_an_older_release
from tests.measures.example_audit import OTHER_VERSION, VERSION, document_and_rows, finding

IMAGES, CLASSES = 150, 3
EVERYONE = range(IMAGES)


def right(at, **changes):
    """A finding of an image of one of three classes, which the version predicts right."""
    return finding(at, label=at % CLASSES, predicted_class=at % CLASSES, target_class=at % CLASSES, **changes)


def first(images):
    """Whether an image is among so many of all classes."""
    return lambda at: at < images


def of_class(index, images):
    """Whether an image is among so many, and of a class."""
    return lambda at: at < images and at % CLASSES == index


NO_IMAGE = first(0)


def filled(lost, *, images=IMAGES, wrong=(), beside=NO_IMAGE, compared=True):
    """A result in which filling the ring loses the predictions that `lost` says; some are wrong before.

    Filling the band loses those that `beside` says. Of workers of the previous release there is no band.
    """
    found = []
    for at in range(images):
        ring, band = _after(RING_FILLED, at, lost), _after(COMPARED_WITH[RING_FILLED], at, beside)
        one = right(at, controls=FindingControls(variants=(ring, band) if compared else (ring,)))
        found.append(replace(one, predicted_class=(at + 1) % CLASSES) if at in wrong else one)
    return document_and_rows(found)[0]


def _after(variant, at, lost):
    """What an image is predicted as once the variant is filled."""
    return ScoredVariant(variant, 0.6, sufficient=False, predicted_class=(at + lost(at)) % CLASSES)


def scored(keeps, *, both=EVERYONE):
    """A result in which the other version sees the class in the subsets that `keeps` says."""
    found = [
        right(at, controls=FindingControls(transfers=(TransferFinding(OTHER_VERSION, 0.9, True, _kept(at, keeps)),)))
        for at in EVERYONE
    ]
    others = [replace(right(at), model_version=OTHER_VERSION) for at in both]
    versions, plans = (VERSION, OTHER_VERSION), (ControlPlan(Control.TRANSFER),)
    return document_and_rows([*found, *others], versions=versions, plans=plans)[0]


def _kept(at, keeps):
    return at % CLASSES if keeps(at) else (at + 1) % CLASSES


def paired(lost, *, level=0.95, pairs=EVERYONE, labels=True):
    """A result with a counterfactual set on which predictions change where `lost` says."""
    originals = {at: Prediction(at, at % CLASSES, confidence=0.9) for at in EVERYONE}
    changed = {at: Prediction(at, (at + lost(at)) % CLASSES, confidence=0.9) for at in pairs}
    changed |= {at: Prediction(at, reason=FindingReason.IMAGE_UNREADABLE) for at in EVERYONE if at not in pairs}
    named = {at: Pair(f"image-{at}.png", f"{at:064x}", f"{at + 500:064x}") for at in EVERYONE}
    given = CounterfactualSet("changed", "8" * 64, IMAGES, named, (), {VERSION: originals}, {VERSION: changed})
    found = [right(at) if labels else replace(right(at), label=None) for at in EVERYONE]
    return document_and_rows(found, counterfactual=given, statistics=Statistics(level=level))[0]


CASES = {
    "no accuracy is lost beside the object": ("shortcut", partial(filled, first(0)), "NONE_SEEN"),
    "little accuracy is lost beside the object": ("shortcut", partial(filled, first(9)), "INCONCLUSIVE"),
    "accuracy is lost beside the object": ("shortcut", partial(filled, first(40)), "SHORTCUT"),
    "one class is lost beside the object": ("shortcut", partial(filled, of_class(1, 45)), "SHORTCUT"),
    "a class may be lost beside the object": ("shortcut", partial(filled, of_class(1, 21)), "INCONCLUSIVE"),
    "the band loses as much as the ring": ("shortcut", partial(filled, first(60), beside=first(60)), "INCONCLUSIVE"),
    "the band loses as much as the ring for a class": (
        "shortcut",
        partial(filled, of_class(1, 60), beside=of_class(1, 60)),
        "INCONCLUSIVE",
    ),
    "the band loses little of what the ring loses": (
        "shortcut",
        partial(filled, first(60), beside=first(6)),
        "SHORTCUT",
    ),
    "one class loses in the ring, another in the band": (
        "shortcut",
        partial(filled, of_class(1, 60), beside=of_class(2, 60)),
        "SHORTCUT",
    ),
    "the ring was compared with no band": ("shortcut", partial(filled, first(60), compared=False), "INCONCLUSIVE"),
    "predictions are near chance": ("shortcut", partial(filled, first(0), wrong=range(90)), "INCONCLUSIVE"),
    "predictions are above chance": ("shortcut", partial(filled, first(0), wrong=range(60)), "NONE_SEEN"),
    "few images were filled": ("shortcut", partial(filled, first(20), images=29), "INCONCLUSIVE"),
    "the other version sees the class": ("transfer", partial(scored, first(110)), "PATTERN"),
    "the other version sees nothing": ("transfer", partial(scored, first(40)), "QUIRK"),
    "the other version sees two classes": ("transfer", partial(scored, lambda at: at % CLASSES > 0), "MIXED"),
    "the other version sees some": ("transfer", partial(scored, first(80)), "INCONCLUSIVE"),
    "the other version agrees on few": ("transfer", partial(scored, first(150), both=range(9)), "INCONCLUSIVE"),
    "the other version agrees on twelve": ("transfer", partial(scored, first(110), both=range(12)), "PATTERN"),
    "accuracy holds": ("counterfactual", partial(paired, first(0)), "ACCURACY_HOLDS"),
    "accuracy falls": ("counterfactual", partial(paired, first(45)), "ACCURACY_FALLS"),
    "accuracy may fall": ("counterfactual", partial(paired, first(15)), "INCONCLUSIVE"),
    "accuracy falls on a class": ("counterfactual", partial(paired, of_class(2, 60)), "ACCURACY_FALLS"),
    "accuracy may fall on a class": ("counterfactual", partial(paired, of_class(2, 24)), "INCONCLUSIVE"),
    "accuracy falls at another level": ("counterfactual", partial(paired, first(45), level=0.8), "ACCURACY_FALLS"),
    "few pairs have predictions": ("counterfactual", partial(paired, first(0), pairs=range(9)), "INCONCLUSIVE"),
    "no pair has a label": ("counterfactual", partial(paired, first(45), labels=False), "INCONCLUSIVE"),
}
"""By what was seen: the control, what makes a result of the server, and the outcome that it states."""


@cache
def result(case):
    """The result of a case, which no test changes."""
    return CASES[case][1]()


def reading_of(document, control):
    return next(one for one in document["models"][0]["searches"][0]["readings"] if one["control"] == control)


@pytest.mark.parametrize("case", CASES)
def test_the_gate_comes_to_the_outcomes_of_the_server_at_every_tail(case):
    control, _, outcome = CASES[case]

    assert reading_of(result(case), control)["outcome"] == outcome
    assert first_difference(result(case)) == ""


SETTLED = [one for one in CASES if CASES[one][2] != "INCONCLUSIVE"]


@pytest.mark.parametrize("case", SETTLED)
def test_an_edited_outcome_is_noticed_at_the_level_of_the_result_and_at_a_tail(case):
    control, _, outcome = CASES[case]
    stated, at_tail = (json.loads(json.dumps(result(case))) for _ in range(2))
    reading_of(stated, control)["outcome"] = "INCONCLUSIVE"
    reading_of(at_tail, control)["outcomes"][0][1] = "INCONCLUSIVE"

    assert first_difference(stated).endswith(f"].outcome is INCONCLUSIVE, but {outcome} was counted")
    assert first_difference(at_tail).endswith(f"].outcomes[0] is INCONCLUSIVE, but {outcome} was counted")


REMOVED = {
    "shortcut": lambda one: one["models"][0]["searches"][0]["measures"].pop(class_rules.DROP),
    "transfer": lambda one: one.pop("transfer"),
    "counterfactual": lambda one: one.pop("counterfactuals"),
}


@pytest.mark.parametrize("case", SETTLED)
def test_a_reading_whose_numbers_were_removed_is_noticed(case):
    control, _, outcome = CASES[case]
    edited = json.loads(json.dumps(result(case)))
    REMOVED[control](edited)

    assert first_difference(edited).endswith(f"].outcome is {outcome}, but INCONCLUSIVE was counted")


def test_an_edited_count_of_a_class_contradicts_the_reading():
    document = json.loads(json.dumps(result("accuracy falls on a class")))
    (row,) = [one for one in document["counterfactuals"][0]["classes"] if one["outcome"] == "ACCURACY_FALLS"]
    row["measures"][class_rules.LOSS] |= {"value": 0.0, "parameters": {"differing": 0}, "interval": None}

    assert "outcome is ACCURACY_FALLS, but " in first_difference(document)


def test_a_counterfactual_set_with_more_classes_than_a_document_holds_is_not_taken_again():
    control, document = "counterfactual", result("accuracy falls")
    search = document["models"][0]["searches"][0]
    (test,) = document["counterfactuals"]
    cut = {**test, "classes": test["classes"] * class_rules.MOST_CLASSES}

    assert control in class_rules.class_rules(document, VERSION, search)
    assert control not in class_rules.class_rules({**document, "counterfactuals": [cut]}, VERSION, search)


def of_schema_two(document, outcome):
    """The result as the release before it stated it: without an excess, with the outcome that the loss alone had."""
    older = of_an_older_release(document)
    older["schema_version"] = 2
    older["dataset"]["pictures"] = document["dataset"]["pictures"]
    (search,) = older["models"][0]["searches"]
    del search["measures"][class_rules.EXCESS]
    reading_of(older, "shortcut")["outcome"] = outcome
    return older


LOSSES = {
    "accuracy is lost beside the object": "SHORTCUT",
    "one class is lost beside the object": "SHORTCUT",
    "no accuracy is lost beside the object": "NONE_SEEN",
    "little accuracy is lost beside the object": "INCONCLUSIVE",
}
"""Cases in which the band loses nothing, so that the release before came to the same outcome at each tail."""


@pytest.mark.parametrize(("case", "outcome"), LOSSES.items(), ids=LOSSES)
def test_a_result_from_before_the_comparison_is_read_by_the_loss_alone(case, outcome):
    older = of_schema_two(result(case), outcome)

    assert first_difference(older) == ""


def test_a_plan_reads_a_grown_result_from_before_the_comparison_by_the_loss_alone():
    grown = scaled(of_schema_two(result("accuracy is lost beside the object"), "SHORTCUT"), 2)

    assert {told for _, told in reading_of(grown, "shortcut")["outcomes"]} == {"SHORTCUT"}


def test_a_result_of_this_version_needs_the_excess():
    document = json.loads(json.dumps(result("accuracy is lost beside the object")))
    del document["models"][0]["searches"][0]["measures"][class_rules.EXCESS]

    assert first_difference(document).endswith("].outcome is SHORTCUT, but INCONCLUSIVE was counted")


def of_first_version(document):
    """The result as if the audit had been of its first version alone. The other one found no subset that was scored."""
    return {**document, "models": document["models"][:1]}


PLANNED = [
    ("little accuracy is lost beside the object", "NONE_SEEN", Outcome.PASS),
    ("a class may be lost beside the object", "NONE_SEEN", Outcome.FAIL),
    ("the other version sees some", "PATTERN", Outcome.PASS),
    ("accuracy may fall on a class", "ACCURACY_HOLDS", Outcome.FAIL),
]


@pytest.mark.parametrize(("case", "expected", "outcome"), PLANNED, ids=[case for case, *_ in PLANNED])
def test_a_plan_knows_what_settles_a_reading_that_is_open_at_every_tail(case, expected, outcome):
    control, document = CASES[case][0], result(case)
    assert {told for _, told in reading_of(document, control)["outcomes"]} == {"INCONCLUSIVE"}
    text = f"version: 1\nrules: {{spot: off, {control}: {{expect: [{expected}]}}}}"

    plan = planned(of_first_version(document), policy_of(text, "modicum.yaml", today=TODAY), today=TODAY)

    (need,) = [one for one in plan.needs if one.rule.id == control]
    assert need.outcome is outcome
    assert IMAGES < need.images < need.surer
    grown = scaled(document, need.images / IMAGES)
    assert {told for _, told in reading_of(grown, control)["outcomes"]} > {"INCONCLUSIVE"}
