"""Audits that end early through the real commands: at a limit, within a budget, and by a stop."""

import json
import math

import numpy as np
import pytest
from PIL import Image

from tests.acceptance.acceptance_running import COMMAND_SECONDS
from tests.acceptance.acceptance_stage import CLASSES, MODEL, patches
from tests.waiting import eventually

#: Looking for a budget takes several audits.
pytestmark = pytest.mark.timeout(1800)
PHOTOGRAPHS = 160
#: How often a test looks for passes and a budget at which an audit is cut.
TRIES = 4
POLICY = """version: 1
audit: {passes: PASSES, controls: [fill], stopping: STOPPING}
rules:
  spot: off
  accuracy: {level: error, min: 0.5}
"""


@pytest.fixture
def many(place):
    """A place with many photographs, on which the network is nearly always right."""
    labels = np.arange(PHOTOGRAPHS) % len(CLASSES)
    for number, (image, label) in enumerate(zip(patches(labels, seed=11), labels, strict=True)):
        path = place.folder / "many" / CLASSES[label] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)
    return place


def write_policy(place, *, passes, stopping="false"):
    (place.folder / "modicum.yaml").write_text(POLICY.replace("PASSES", passes).replace("STOPPING", stopping))


@pytest.mark.long
def test_the_gate_ends_the_audit_of_a_model_that_is_far_from_its_limit(many):
    write_policy(many, passes="20", stopping="true")

    gate = many.run("modicum", "gate", "many", *MODEL, "--result", "result.json", "--result", "page.html")
    again = many.run("modicum", "gate", "many", *MODEL)
    judged = many.run("modicum", "judge", "result.json")

    why = "the audit ended after 32 of 160 images: every share lies within its limits"
    assert gate.code == again.code == judged.code == 0, gate.messages
    assert gate.output.startswith("PASS: 1 rule of level error within limits, after 32 of 160 images\n")
    assert f"note: {why}" in gate.output
    assert "reuses the result of" in again.messages
    document = json.loads((many.folder / "result.json").read_text())
    assert (document["stopping"]["reason"], len(document["rows"])) == ("SETTLED", 32)
    assert "The audit ended early, after 32 of 160 images" in (many.folder / "page.html").read_text()


def test_an_audit_ends_at_a_limit_that_the_command_names(many):
    done = many.run("modicum", "audit", "many", *MODEL, "--passes", 20, "--stopping", "accuracy>=0.5", "--no-controls")

    assert done.code == 0, done.messages
    assert "the audit ended after 32 of 160 images: every share lies within its limits" in done.output


def gated_within(place, seconds):
    """Run the gate within a budget. What ignores it takes longer than its start and end may, and fails."""
    budget = ("--budget", f"{seconds}s", "--output", "verdict.json")
    return place.fresh.run("modicum", "gate", "many", *MODEL, *budget, seconds=seconds + COMMAND_SECONDS)


@pytest.mark.long
def test_a_budget_cuts_the_audit_and_the_verdict_is_about_what_was_looked_at(many):
    """A machine too fast to be cut gets more passes, one too busy to do four images gets more time."""
    passes, seconds = 600, 40
    for _ in range(TRIES):
        write_policy(many, passes=str(passes))
        gate = gated_within(many, seconds)
        verdict = json.loads((many.folder / "verdict.json").read_text())
        if 0 < verdict["result"].get("stopping", {}).get("images", 0) < PHOTOGRAPHS:
            break
        passes, seconds = (passes, 2 * seconds) if "unmeasured" in verdict["result"] else (8 * passes, seconds)

    stopping = verdict["result"]["stopping"]
    assert 0 < stopping["images"] < stopping["planned"] == PHOTOGRAPHS
    assert stopping["why"] == [f"the budget of {seconds}s was spent"]
    assert f"after {stopping['images']} of 160 images" in gate.output
    assert gate.code == {"PASS": 0, "INCONCLUSIVE": 4}[verdict["outcome"]], gate.messages


@pytest.mark.long
def test_a_budget_cuts_the_spot_test_and_the_verdict_says_so(many):
    """Many passes make the search long: a budget ends within it or the spot test, and is looked for."""
    shortest, longest = 4.0, 160.0  # the shorter one measures nothing, the longer one cuts nothing
    for seed in range(3 * TRIES):
        seconds = round(math.sqrt(shortest * longest))
        text = f"version: 1\naudit: {{passes: 1200, controls: [spot], seed: {seed}}}\n"
        (many.folder / "modicum.yaml").write_text(text)
        gate = gated_within(many, seconds)
        verdict = json.loads((many.folder / "verdict.json").read_text())
        stopping = verdict["result"].get("stopping", {"cut": []})
        if stopping["cut"]:
            break
        # The other end gives way, because a busy machine changes its mind.
        if not {"stopping", "unmeasured"} & verdict["result"].keys():
            shortest, longest = min(shortest, 0.7 * seconds), seconds
        else:
            shortest, longest = seconds, max(longest, 1.4 * seconds)

    (spot,) = [rule for rule in verdict["rules"] if rule["id"] == "spot"]
    why = f"the budget of {seconds}s was spent"
    assert (gate.code, verdict["outcome"]) == (4, "INCONCLUSIVE"), gate.messages
    assert (stopping["cut"], stopping["why"]) == (["spot"], [why])
    assert spot["checks"][0]["reason"] == f"the spot test was left out: {why}"
    assert f"{why}; left out: the spot test" in gate.output


@pytest.mark.long
def test_a_budget_in_which_nothing_can_be_measured_is_inconclusive_and_says_what_it_cut(many):
    write_policy(many, passes="5000000")

    gate = many.fresh.run("modicum", "gate", "many", *MODEL, "--budget", "12s", "--output", "verdict.json")
    audit = many.fresh.run("modicum", "audit", "many", *MODEL, "--passes", 5_000_000, "--budget", "6s")

    assert gate.code == 4, gate.messages
    assert gate.output.startswith("INCONCLUSIVE: the budget of 12s was spent while ")
    assert json.loads((many.folder / "verdict.json").read_text())["outcome"] == "INCONCLUSIVE"
    assert audit.code == 3
    assert "the budget of 6s was spent while " in audit.messages


@pytest.mark.long
def test_a_person_stops_an_audit_that_may_be_stopped_and_no_other(many):
    many.run("modicum", "models", "create", "stopped", *MODEL)
    many.run("modicum", "datasets", "create", "stopped", "many")
    create = ("modicum", "audits", "create", "--model", "stopped", "--dataset", "stopped", "--no-controls")
    many.run(*create, "--passes", 3000, "--name", "open", "--stopping", "accuracy<=0.999")
    many.run(*create, "--passes", 3000, "--name", "closed")
    eventually(lambda: images_done(many, "open"), "an image to be done")

    refused = many.run("modicum", "audits", "stop", "closed")
    many.run("modicum", "audits", "cancel", "closed")
    many.run("modicum", "audits", "stop", "open", "--why", "enough is known")
    watched = many.run("modicum", "audits", "watch", "open", "--quiet")

    assert refused.code == 2
    assert "AUDIT_NOT_STOPPABLE" in refused.messages
    assert watched.code == 0, watched.messages
    assert "of 160 images: enough is known" in watched.output


def images_done(place, audit):
    return place.run("modicum", "audits", "show", audit, "--json").document["images_done"]
