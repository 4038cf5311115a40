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


def asked(**specification):
    """A clean result of an audit with such a specification, that has nothing beside its spot test."""
    whole = document(level=0.999)
    whole["specification"] |= specification
    return whole


def told(given):
    """Outcome and reason of each rule but `spot`."""
    return {one.rule.id: (str(one.outcome), one.worst.reason) for one in given.rules if one.rule.id != "spot"}


@pytest.mark.parametrize(
    ("audit", "specification", "reason"),
    [
        pytest.param("", {"controls": SPOT_ALONE, "canvas": LARGE}, "did not run; audit with it", id="runs by default"),
        pytest.param(
            "audit: {controls: [spot, 'shortcut:64']}\n",
            {"controls": SPOT_ALONE, "canvas": SMALL},
            "did not run; audit with it",
            id="the policy names it",
        ),
        pytest.param(
            "", {"controls": BOTH, "canvas": SMALL}, "which was asked for; audit again", id="removed from the result"
        ),
    ],
)
def test_a_control_that_could_have_run_leaves_no_rule_of_a_preset_out(audit, specification, reason):
    given = verdict(f"{audit}preset: strict", asked(**specification))

    found = told(given)
    assert given.outcome == "INCONCLUSIVE"
    assert [found[rule][0] for rule in SHORTCUT] == ["INCONCLUSIVE"] * 2
    assert all("shortcut" in found[rule][1] and found[rule][1].endswith(reason) for rule in SHORTCUT)
    assert verdict(f"{audit}preset: recommended", asked(**specification)).outcome == "PASS"


@pytest.mark.parametrize(
    ("canvas", "labelled"), [pytest.param(SMALL, 200, id="small canvas"), pytest.param(LARGE, 0, id="no labels")]
)
def test_a_control_that_could_not_have_run_leaves_its_rules_out(canvas, labelled):
    photos = {"name": "projects/default/datasets/photos", "labelled": labelled, "audited": 200}

    given = verdict("preset: strict", {**asked(controls=SPOT_ALONE, canvas=canvas), "dataset": photos})

    assert given.outcome == "PASS"
    assert set(SHORTCUT) <= set(given.left_out)


def test_what_a_counterfactual_set_showed_does_not_go_missing_unnoticed():
    named = asked(counterfactual_dataset="projects/default/datasets/twins")

    for part in ({}, {"counterfactuals": []}):
        given = verdict("preset: strict", {**named, **part})
        assert (given.outcome, told(given)[COUNTERFACTUAL][0]) == ("INCONCLUSIVE", "INCONCLUSIVE")
    newer = {**document(), "schema_version": 4}
    assert COUNTERFACTUAL not in verdict("preset: strict", newer).left_out


def test_an_ensemble_beside_its_members_does_not_pass_without_its_check():
    whole = document(level=0.999)
    (model,) = whole["models"]
    members = [f"projects/default/models/member/versions/{at}" for at in (1, 2)]
    ensemble = {**model, "weights_digests": dict.fromkeys(members, "0d" * 32)}
    beside = [{**model, "model_version": name, "weights_digests": {name: "0d" * 32}} for name in members]

    assert "mitigation" in verdict("preset: strict", {**whole, "models": [ensemble]}).left_out
    given = verdict("preset: strict", {**whole, "models": [ensemble, *beside]})
    assert told(given)["mitigation"][0] == "INCONCLUSIVE"


def test_a_measure_without_classes_does_not_pass_for_all_classes():
    given = verdict(f"{NO_SPOT}  accuracy: {{min: 0.5, classes: all}}", document({"accuracy": share(199, 200)}))

    assert given.outcome == "INCONCLUSIVE"
    assert given.rules[0].worst.reason == "the result has no classes for it"
