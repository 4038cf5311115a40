"""Rules that need what the audited images do not have: a preset's are left out, and those of the policy are refused."""

from dataclasses import replace
from functools import partial

import pytest
from modicum.errors import PolicyError
from modicum.gate.needed import Given, refuse_several_versions, refuse_unmeasurable

from tests.gate.documents import document, share, verdict
from tests.gate.test_policy import policy

NO_SPOT = "rules:\n  spot: off\n"
ALL_GIVEN = Given(labels=True, counterfactuals=True, objects=True)


def test_a_rule_of_its_own_that_needs_a_counterfactual_set_refuses_a_result_without_one():
    without, older = document(), document()
    without["specification"]["counterfactual_dataset"] = ""
    rule = f"{NO_SPOT}  counterfactual: {{expect: [ACCURACY_HOLDS]}}"

    with pytest.raises(PolicyError, match=r"modicum.yaml:4:3: counterfactual needs a counterfactual set, but there is"):
        verdict(rule, without)
    assert verdict(rule, older).outcome == "INCONCLUSIVE"
    assert "counterfactual-accuracy-loss" in verdict("", without).left_out


def test_a_cut_audit_of_images_without_labels_leaves_out_what_needs_labels():
    stopping = {"planned": 640, "images": 200, "reason": "ASKED", "why": ["the budget is spent"], "cut": []}
    photos = {"name": "projects/default/datasets/photos", "labelled": 0, "audited": 200}

    given = verdict("", document(stopping=stopping, dataset=photos))

    assert given.outcome == "PASS"
    assert list(given.left_out) == ["shortcut-accuracy-excess", "counterfactual-accuracy-loss"]


def test_a_rule_about_objects_is_inconclusive_where_no_searched_image_has_any():
    nothing = {**share(0, 0), "value": None, "unavailable": "no item with a subset has boxes or a mask"}

    given = verdict(f"{NO_SPOT}  object-share-median: {{min: 0}}", document({"object_share_median": nothing}))

    assert given.outcome == "INCONCLUSIVE"
    assert given.rules[0].checks[0].reason == "not measured: no item with a subset has boxes or a mask"


COUNTERFACTUAL = "counterfactual-accuracy-loss"
SHORTCUT = ("shortcut", "shortcut-accuracy-excess")
SPOT_ALONE = [{"control": "spot", "images": 1000, "passes": 0}]
BOTH = [*SPOT_ALONE, {"control": "shortcut", "images": 0, "passes": 0}]
LARGE, SMALL = ({"channels": 3, "height": side, "width": side} for side in (28, 27))
MEMBERS = [f"projects/default/models/member/versions/{at}" for at in (1, 2)]


def telling(*, labels=200, boxes=0, masks=0, members=(), **specification):
    """A clean result that tells what its audit could have had, and has nothing beside its spot test."""
    whole = document(level=0.999, schema_version=5)
    asked = {"controls": SPOT_ALONE, "canvas": LARGE, "counterfactual_dataset": ""}
    whole["specification"] |= asked | specification
    whole["dataset"] |= {"with_labels": labels, "with_boxes": boxes, "with_masks": masks}
    whole["models"][0]["members"] = list(members)
    return whole


def told(given):
    """The outcome of each rule of a preset but `spot`."""
    return {one.rule.id: str(one.outcome) for one in given.rules if one.rule.id != "spot"}


@pytest.mark.parametrize("controls", [SPOT_ALONE, BOTH], ids=["it did not run", "removed from the result"])
def test_strict_is_inconclusive_where_a_control_could_have_run_and_the_result_has_nothing_of_it(controls):
    given = verdict("preset: strict", telling(controls=controls))

    assert given.outcome == "INCONCLUSIVE"
    assert told(given) == dict.fromkeys(SHORTCUT, "INCONCLUSIVE")
    assert verdict("preset: recommended", telling(controls=controls)).outcome == "PASS"


@pytest.mark.parametrize(
    "more", [pytest.param({"canvas": SMALL}, id="a small canvas"), pytest.param({"labels": 0}, id="no labels")]
)
def test_strict_leaves_out_what_a_control_could_not_have_run_for(more):
    given = verdict("preset: strict", telling(**more))

    assert given.outcome == "PASS"
    assert set(given.left_out) == {*SHORTCUT, COUNTERFACTUAL, "mitigation"}


def test_strict_is_inconclusive_where_the_part_of_a_counterfactual_set_is_missing():
    given = verdict("preset: strict", telling(counterfactual_dataset="projects/default/datasets/swapped"))

    assert told(given)[COUNTERFACTUAL] == "INCONCLUSIVE"


@pytest.mark.parametrize("labels", [200, 0])
@pytest.mark.parametrize(("beside", "outcome"), [(MEMBERS, "INCONCLUSIVE"), (MEMBERS[:1], None)])
def test_strict_is_inconclusive_where_the_check_of_an_ensemble_beside_its_members_is_missing(beside, outcome, labels):
    whole = telling(members=MEMBERS, labels=labels)
    (model,) = whole["models"]
    whole["models"] += [{**model, "model_version": name, "members": []} for name in beside]

    assert told(verdict("preset: strict", whole)).get("mitigation") == outcome


def test_strict_leaves_out_of_a_cut_audit_what_it_could_not_have_had():
    whole = telling()
    whole["stopping"] = {"planned": 640, "images": 200, "reason": "ASKED", "why": ["the budget is spent"], "cut": []}

    given = verdict("preset: strict", whole)

    assert set(given.left_out) == {COUNTERFACTUAL, "mitigation"}
    assert told(given) == dict.fromkeys(SHORTCUT, "INCONCLUSIVE")


def test_strict_judges_a_result_of_an_earlier_release_as_before():
    older = {**telling(), "schema_version": 4}

    given = verdict("preset: strict", older)

    assert given.outcome == "PASS"
    assert set(given.left_out) == {*SHORTCUT, COUNTERFACTUAL, "mitigation"}


OBJECTS = f"{NO_SPOT}  object-share-median: {{min: 0}}"


@pytest.mark.parametrize("more", [{"boxes": 1}, {"masks": 1}])
def test_a_rule_of_its_own_about_objects_refuses_a_result_in_which_no_image_has_any(more):
    with pytest.raises(PolicyError, match=r"^modicum.yaml:4:3: object-share-median needs boxes or masks, but no image"):
        verdict(OBJECTS, telling())
    assert verdict(OBJECTS, telling(**more)).outcome == "INCONCLUSIVE"


def test_a_rule_of_its_own_about_labels_refuses_a_sample_in_which_no_image_has_one():
    sample = telling(labels=0)

    with pytest.raises(PolicyError, match=r"^modicum.yaml:4:3: accuracy needs labels, but no image has one"):
        verdict(f"{NO_SPOT}  accuracy: {{min: 0}}", sample)


NO_LABELS = {"name": "projects/default/datasets/photos", "labelled": 0, "audited": 200}


@pytest.mark.parametrize(
    "rule",
    [
        "shortcut: {expect: [NONE_SEEN]}",
        "counterfactual: {expect: [ACCURACY_HOLDS, INCONCLUSIVE]}",
        "subset-fraction-median-correct: {min: 0.1}",
        "subset-fraction-upper-quartile-incorrect: {max: 0.5}",
        "counterfactual-accuracy: {min: 0.1}",
    ],
)
def test_a_rule_of_its_own_that_looks_at_correctness_refuses_images_without_labels(rule):
    given = document(dataset=NO_LABELS)
    given["specification"]["counterfactual_dataset"] = "projects/default/datasets/without-mark"

    with pytest.raises(PolicyError, match=rf"^modicum.yaml:4:3: {rule.partition(':')[0]} needs labels, but no image"):
        verdict(f"{NO_SPOT}  {rule}", given)


@pytest.mark.parametrize("rule", ["subset-fraction-median: {min: 0}", "counterfactual-changed-share: {max: 0.9}"])
def test_other_rules_need_no_labels(rule):
    given = document({"subset_fraction_median": share(20, 200)}, dataset=NO_LABELS)
    given["specification"]["counterfactual_dataset"] = "projects/default/datasets/without-mark"

    assert verdict(f"{NO_SPOT}  {rule}", given).outcome


@pytest.mark.parametrize(
    ("rule", "needs"),
    [
        ("mitigation: {expect: [MITIGATED]}", "an ensemble beside its members, but the gate audits one version: audit"),
        ("transfer: {expect: [PATTERN]}", "another version in the same audit, but the gate audits one: audit both"),
        ("transfer-class-kept-share: {min: 0.5}", "another version in the same audit"),
        ("subset-fraction-ratio: {min: 0.5}", "another version in the same audit"),
        ("accuracy-difference: {min: 0.1}", "another version in the same audit"),
    ],
)
def test_before_an_audit_of_one_version_rules_of_its_own_that_need_more_are_refused(rule, needs):
    asked = policy(f"preset: strict\nrules:\n  {rule}")

    for refuse in (refuse_several_versions, partial(refuse_unmeasurable, given=ALL_GIVEN)):
        with pytest.raises(PolicyError) as refused:
            refuse(asked)
        assert str(refused.value).startswith(f"modicum.yaml:4:3: {rule.partition(':')[0]} needs {needs}")


@pytest.mark.parametrize(
    "rule", ["mitigation: {level: warn, expect: [MITIGATED]}", "transfer: {level: warn, expect: [PATTERN]}"]
)
def test_a_rule_that_only_warns_keeps_no_policy_from_an_audit_of_one_version(rule):
    """One policy may serve the gate, and later the judgement of an audit of several versions."""
    refuse_unmeasurable(policy(f"rules:\n  {rule}"), ALL_GIVEN)


def test_people_are_asked_about_the_audit_of_the_gate():
    refuse_unmeasurable(policy("rules:\n  review: {expect: [SEEN]}"), ALL_GIVEN)


def test_every_problem_of_a_policy_is_named_before_an_audit():
    asked = policy(
        "audit:\n  controls: ['transfer:8', spot]\nrules:\n  mitigation: {expect: [MITIGATED]}\n"
        "  accuracy: {min: 0.8}\n"
    )

    with pytest.raises(PolicyError) as refused:
        refuse_unmeasurable(asked, replace(ALL_GIVEN, labels=False))

    transfer, mitigation, accuracy = str(refused.value).splitlines()
    assert transfer.startswith("modicum.yaml:3:13: audit.controls: transfer needs another version in the same audit")
    assert mitigation.startswith("modicum.yaml:5:3: mitigation needs an ensemble beside its members")
    assert accuracy.startswith("modicum.yaml:6:3: accuracy needs labels")


def test_rules_of_a_preset_and_those_of_another_data_set_refuse_no_audit():
    strict = policy("preset: strict\nrules:\n  transfer: {expect: [PATTERN], dataset: other}\n")

    refuse_unmeasurable(strict, Given(labels=False, counterfactuals=False, objects=False))
