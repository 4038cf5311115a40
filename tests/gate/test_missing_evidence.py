"""Rules that need what the audited images do not have: a preset's are left out, and those of the policy are refused."""

import pytest
from modicum.errors import PolicyError

from tests.gate.documents import document, share, verdict

NO_SPOT = "rules:\n  spot: off\n"


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


@pytest.mark.parametrize(("beside", "outcome"), [(MEMBERS, "INCONCLUSIVE"), (MEMBERS[:1], None)])
def test_strict_is_inconclusive_where_the_check_of_an_ensemble_beside_its_members_is_missing(beside, outcome):
    whole = telling(members=MEMBERS)
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
