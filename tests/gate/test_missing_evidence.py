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
