"""What a policy asks of the evidence: method, budget, device and controls. Less of it never passes."""

import pytest
from modicum.gate.search_passes import passes_an_image
from modicum_server.domain.searches import Canvas, Search, SearchMethod
from modicum_server.usecases.costs import PASSES_BESIDE_STEPS, search_passes

from tests.gate.documents import document, share, verdict

SIDE = 32
RULE = "rules:\n  spot: off\n  overinterpretation-rate: {max: 0.45}\n"


def searched_by(method, **more):
    """A result of 200 images without overinterpretation, by a search that has no budget."""
    searched = {"method": method, "passes": 0, "pixels_per_step": 0, "fraction": 0.0, **more}
    found = document({"overinterpretation_rate": share(0, 200)}, search=searched)
    found["specification"]["canvas"] = {"channels": 3, "height": SIDE, "width": SIDE}
    return found


@pytest.mark.parametrize(
    ("asked", "result", "reason"),
    [
        pytest.param(
            "require: {passes: 150}",
            searched_by("batched_gradient", pixels_per_step=500),
            "the policy requires 150 passes an image, the result has 9",
            id="few steps",
        ),
        pytest.param(
            "require: {passes: 150}",
            searched_by("batched_gradient"),
            "the policy requires 150 passes an image, the result has 0",
            id="steps that are not told",
        ),
        pytest.param(
            "require: {passes: 150}",
            searched_by("mask_optimization"),
            "the policy requires 150 passes an image, the result has 0",
            id="a budget that is not told",
        ),
        pytest.param(
            "require: {passes: 5000}",
            searched_by("backselect", fraction=0.5),
            "the policy requires 5000 passes an image, the result has 2047",
            id="half of the pixels in each step",
        ),
        pytest.param(
            "audit: {passes: 300}",
            searched_by("backselect"),
            "the policy asks for searches of 300 passes, so by mask_optimization; the result searched by backselect",
            id="another method",
        ),
    ],
)
def test_a_search_that_is_weaker_than_the_policy_asks_is_inconclusive(asked, result, reason):
    given = verdict(f"{asked}\n{RULE}", result)

    assert (given.outcome, given.rules[0].worst.reason) == ("INCONCLUSIVE", reason)


@pytest.mark.parametrize("method", [{"method": "batched_gradient", "pixels_per_step": 1}, {"method": "backselect"}])
def test_a_method_without_a_budget_reaches_a_floor_by_its_steps(method):
    assert verdict(f"require: {{passes: 150}}\n{RULE}", searched_by(**method)).outcome == "PASS"


@pytest.mark.parametrize(
    "search",
    [
        Search(SearchMethod.BATCHED_GRADIENT, 0.9, pixels_per_step=7),
        Search(SearchMethod.BACKSELECT, 0.9),
        Search(SearchMethod.BACKSELECT, 0.9, fraction=0.001),
    ],
)
def test_the_steps_take_what_the_server_plans_without_what_is_beside_them(search):
    asked = {"method": search.method.value, "pixels_per_step": search.pixels_per_step, "fraction": search.fraction}

    taken = passes_an_image(asked, {"height": SIDE, "width": SIDE}, most=10**9)

    assert 0 <= search_passes(search, Canvas(3, SIDE, SIDE)) - taken <= PASSES_BESIDE_STEPS + 1000


MEASURED_BY = {"parameters": {"device": "cpu:0"}}


@pytest.mark.parametrize(("device", "outcome"), [("auto", "PASS"), ("cpu", "PASS"), ("cuda", "INCONCLUSIVE")])
def test_a_result_of_another_device_is_inconclusive(device, outcome):
    given = verdict(f"audit: {{device: {device}}}", document(**MEASURED_BY))

    assert given.outcome == outcome
    assert ("asks for the device cuda, but the result was measured on cpu" in given.rules[0].worst.reason) == (
        outcome == "INCONCLUSIVE"
    )


def controlled(**plan):
    """A result of which one control ran as planned."""
    result = document()
    result["specification"]["controls"] = [{"images": 0, "passes": 0, **plan}]
    return result


@pytest.mark.parametrize(
    ("asked", "plan", "reason"),
    [
        ("spot:1000", {"control": "spot", "images": 64}, "asks for spot on 1000 images, but it ran on 64 at most"),
        ("spot:1000", {"control": "spot"}, ""),
        ("spot", {"control": "spot", "images": 64}, ""),
        (
            "class_targeted:0:600",
            {"control": "class_targeted"},
            "asks for class_targeted with 600 passes, but it had 300",
        ),
        ("class_targeted:0:600", {"control": "class_targeted", "passes": 600}, ""),
        ("class_targeted:0:300", {"control": "class_targeted"}, ""),
    ],
)
def test_a_control_with_less_than_the_policy_asks_is_inconclusive(asked, plan, reason):
    given = verdict(f"audit: {{controls: ['{asked}']}}", controlled(**plan))

    assert given.outcome == ("INCONCLUSIVE" if reason else "PASS")
    assert reason in given.rules[0].worst.reason


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ("threshold: 0.9", "the policy asks for threshold 0.9, but this search was measured with 0.5"),
        ("fill: mean", "the policy asks for fill mean, but this search was measured with black"),
    ],
)
def test_a_search_that_a_rule_names_by_its_number_is_held_to_the_policy_too(asked, reason):
    policy = "rules: {spot: off, overinterpretation-rate: {max: 0.45, search: 1}}"
    result = document({"overinterpretation_rate": share(0, 200)})
    other = {"threshold": 0.5, "fill": "black"}
    for searches in (result["specification"]["searches"], result["models"][0]["searches"]):
        searches.append({**searches[0], **other})
    result["models"][0]["searches"][1]["search"] = {**result["models"][0]["searches"][0]["search"], **other}

    held, free = verdict(f"audit: {{{asked}}}\n{policy}", result), verdict(policy, result)

    assert (held.outcome, held.rules[0].worst.reason) == ("INCONCLUSIVE", reason)
    assert free.outcome == "PASS"


def test_a_search_that_the_result_does_not_have_is_named():
    given = verdict("rules: {spot: off, accuracy: {min: 0.5, search: 2}}", document({"accuracy": share(90, 100)}))

    assert given.rules[0].worst.reason == "the rule is about search 2, but the result's are numbered 0 to 0"


TOO_FEW = "the policy requires 100 eligible images in all, the result has 99"


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"counts": {"eligible": 99}}, TOO_FEW),
        ({"search": {"passes": 10}}, "the policy requires 150 passes an image, the result has 10"),
        (
            {"counts": {"eligible": 99}, "search": {"passes": 10}},
            f"{TOO_FEW}; the policy requires 150 passes an image, the result has 10",
        ),
    ],
)
def test_evidence_below_a_floor_is_inconclusive(more, reason):
    given = verdict("require: {eligible_images: 100, passes: 150}", document(**more))

    assert (given.outcome, given.rules[0].worst.reason) == ("INCONCLUSIVE", reason)
