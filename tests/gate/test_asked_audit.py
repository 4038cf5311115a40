"""What a policy asks of the audit: every option of `modicum audit` has its key, and each key is held to."""

import pytest
import typer
from modicum.cli.command import app
from modicum.cli.gate import search_of
from modicum.gate.explanation import explained
from modicum.gate.schemas import POLICY, schema_of
from modicum.gate.stopping import stopping_of
from modicum.searches import SearchMethod, TargetRule

from tests.gate.documents import document, share, verdict
from tests.gate.test_policy import policy, refused

#: By an option of `modicum audit` that `modicum gate` does not have, the key under `audit` of a policy.
KEYS = {
    "--threshold": "threshold",
    "--passes": "passes",
    "--fill": "fill",
    "--seed": "seed",
    "--method": "method",
    "--pixels-per-step": "pixels_per_step",
    "--fraction": "fraction",
    "--target-rule": "target",
    "--control": "controls",
    "--no-controls": "controls",
    "--pixel-subsets": "pixel_subsets",
    "--pixel-subsets-method": "pixel_subsets_method",
    "--level": "level",
    "--alpha": "alpha",
    "--sample": "sample",
    "--device": "device",
    "--stopping": "stopping",
}
#: Options that change only what `modicum audit` prints.
PRINTED = {"--verbose"}
OFF = "rules: {spot: off, shortcut-accuracy-excess: off, counterfactual-accuracy-loss: off"


def options_of(name):
    """The long names of a command's options."""
    command = typer.main.get_command(app).commands[name]
    return {option for parameter in command.params for option in parameter.opts if option.startswith("--")}


def searched(**more):
    """A result of 200 images without overinterpretation, of one search that is as `modicum audit` has it but for..."""
    usual = {"method": "mask_optimization", "pixels_per_step": 0, "fraction": 0.0}
    return document({"overinterpretation_rate": share(0, 200)}, search={**usual, **more})


def twice(**other):
    """The same of two searches, of which the second differs."""
    result = searched()
    entry = result["models"][0]["searches"][0]
    second = {**entry, "search": {**entry["search"], **other}}
    result["models"][0]["searches"].append(second)
    result["specification"]["searches"].append({**result["specification"]["searches"][0], **other})
    return result


def test_every_option_of_an_audit_is_one_of_the_gate_or_a_key_of_the_policy():
    assert options_of("audit") - options_of("gate") == set(KEYS) | PRINTED
    assert set(schema_of(POLICY)["properties"]["audit"]["properties"]) == set(KEYS.values())


def test_the_gate_asks_for_all_that_the_policy_names():
    asked = search_of(
        policy(
            "audit: {threshold: [0.7, 0.9], method: backselect, fraction: 0.05, target: [predicted, random_other], "
            "pixel_subsets: 200, pixel_subsets_method: batched_gradient}"
        ).audit
    )

    assert asked.thresholds == (0.7, 0.9)
    assert (asked.method, asked.fraction) == (SearchMethod.BACKSELECT, 0.05)
    assert asked.target_rules == (TargetRule.PREDICTED, TargetRule.RANDOM_OTHER)
    assert (asked.pixel_subsets, asked.pixel_subsets_method) == (200, SearchMethod.BATCHED_GRADIENT)


def test_the_gate_asks_for_a_step_of_so_many_pixels():
    asked = search_of(policy("audit: {method: batched_gradient, pixels_per_step: 16, target: predicted}").audit)

    assert (asked.method, asked.pixels_per_step) == (SearchMethod.BATCHED_GRADIENT, 16)
    assert asked.target_rules == (TargetRule.PREDICTED,)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "{method: backselct}",
            "2:17: audit.method: expected one of mask_optimization, backselect, batched_gradient",
        ),
        ("{target: other}", "2:17: audit.target: expected one of predicted, random_other, got the text 'other'"),
        ("{target: []}", "2:17: audit.target: expected a list with at least one entry, got an empty list"),
        ("{target: [predicted, predicted]}", "2:17: audit.target: expected a list of different entries, got a list"),
        ("{threshold: [0.9, 1]}", "2:26: audit.threshold.1: expected a number below 1, got 1"),
        ("{threshold: [0.9, 0.9]}", "2:20: audit.threshold: expected a list of different entries, got a list"),
        ("{fraction: 1}", "2:19: audit.fraction: expected a number below 1, got 1"),
        ("{pixels_per_step: 0}", "2:26: audit.pixels_per_step: expected 1 or more, got 0"),
        (
            "{method: backselect, passes: 300}",
            "2:37: audit.passes belongs to the method mask_optimization, but the method is backselect; remove it or",
        ),
        (
            "{fraction: 0.05}",
            "2:19: audit.fraction belongs to the method backselect, but the method is mask_optimization; remove",
        ),
        (
            "{method: backselect, pixels_per_step: 2}",
            "audit.pixels_per_step belongs to the method batched_gradient, but the method is backselect",
        ),
        (
            "{pixel_subsets_method: batched_gradient}",
            "2:31: audit.pixel_subsets_method needs pixel_subsets, the passes of that search; add it",
        ),
        (
            "{pixel_subsets: 100, pixel_subsets_method: backselect}",
            "audit.pixel_subsets_method: expected one of mask_optimization, batched_gradient, got the text",
        ),
        ("{pixel_subsets: 15}", "2:24: audit.pixel_subsets: expected 0 (the server chooses) or 16 or more, got 15"),
        (
            "{controls: ['pixel_subsets:0:100'], pixel_subsets: 100}",
            "2:59: audit.pixel_subsets: pixel_subsets is under controls, too; remove one of them",
        ),
        ("{controls: [spot, 'spot:64']}", "2:26: audit.controls.1: spot occurs twice; remove one of them"),
        (
            "{controls: ['class_targeted:0:9']}",
            "audit.controls.0: expected 0 (the server chooses) or 10 or more passes of class_targeted, got 9",
        ),
        (
            "{controls: ['random:0:9']}",
            "audit.controls.0: random does not search and takes no passes, got 9; write random or random:IMAGES",
        ),
        ("{controls: ['spot:29']}", "audit.controls.0: expected 0 (all images) or 30 or more images of spot, got 29"),
        (
            "{target: random_other, pixel_subsets: 100}",
            "audit.pixel_subsets: pixel_subsets needs a search for the predicted class; add predicted",
        ),
    ],
)
def test_what_no_audit_can_be_is_refused_at_its_place(text, says):
    rules = f"{OFF}}}" if "random_other," in text else ""

    (line,) = refused(f"audit: {text}\n{rules}").splitlines()

    assert says in line


def test_rules_without_a_search_for_the_predicted_class_are_named():
    text = "audit: {target: random_other}\nrules: {spot: off, counterfactual-accuracy-loss: off}"

    assert refused(text) == (
        "modicum.yaml:2:17: audit.target: shortcut-accuracy-excess is about the search for the predicted class; add "
        "predicted, or give the rule its `search`"
    )
    assert policy(f"audit: {{target: random_other}}\n{OFF}, overinterpretation-rate: {{max: 0.5, search: 0}}}}").audit


def test_a_rule_about_a_search_that_the_policy_does_not_ask_for_is_refused():
    text = f"audit: {{threshold: [0.7, 0.9]}}\n{OFF}, overinterpretation-rate: {{max: 0.5, search: 2}}}}"

    assert refused(text).endswith(
        "overinterpretation-rate.search: expected 0 to 1, the numbers of the searches under audit, got 2"
    )


@pytest.mark.parametrize(
    ("asked", "has", "reason"),
    [
        ("{method: backselect}", {"method": "backselect"}, ""),
        ("{method: mask_optimization}", {}, ""),
        ("{method: backselect}", {}, "with method backselect; the result has method mask_optimization"),
        (
            "{method: backselect, fraction: 0.05}",
            {"method": "backselect", "fraction": 0.5},
            "with method backselect, fraction 0.05; the result has method backselect, fraction 0.5",
        ),
        (
            "{method: batched_gradient, pixels_per_step: 1}",
            {"method": "batched_gradient", "pixels_per_step": 500},
            "with method batched_gradient, pixels_per_step 1; the result has method batched_gradient, pixels_per_step",
        ),
        ("{threshold: [0.8, 0.9]}", {}, "with threshold 0.8; the result has threshold 0.9"),
        ("{threshold: [0.9, 0.8]}", {}, ""),
        ("{target: [random_other, predicted]}", {}, ""),
        ("{target: predicted}", {"target_rule": "random_other"}, "with target predicted; the result has target random"),
        ("{}", {"target_rule": "random_other"}, "no search for the predicted class"),
    ],
)
def test_a_result_of_another_search_is_inconclusive(asked, has, reason):
    given = verdict(f"audit: {asked}\n{OFF}, overinterpretation-rate: {{max: 0.45}}}}", searched(**has))

    assert given.outcome == ("INCONCLUSIVE" if reason else "PASS")
    assert reason in given.rules[0].worst.reason


@pytest.mark.parametrize(
    ("asked", "second", "reason"),
    [
        ("{threshold: [0.9, 0.5]}", {"threshold": 0.5}, ""),
        (
            "{threshold: [0.9, 0.5]}",
            {"threshold": 0.6},
            "the policy asks for threshold 0.5, but this search was measured with 0.6",
        ),
        ("{target: [predicted, random_other]}", {"target_rule": "random_other"}, ""),
        (
            "{target: [predicted, random_other]}",
            {"fill": "black"},
            "the policy asks for target random_other, but this search was measured with predicted",
        ),
    ],
)
def test_a_rule_about_a_search_is_held_to_what_the_policy_asks_of_it(asked, second, reason):
    given = verdict(f"audit: {asked}\n{OFF}, overinterpretation-rate: {{max: 0.45, search: 1}}}}", twice(**second))

    assert (given.outcome, given.rules[0].worst.reason) == (("INCONCLUSIVE", reason) if reason else ("PASS", ""))


@pytest.mark.parametrize(
    ("asked", "plan", "reason"),
    [
        ("{pixel_subsets: 200}", {"passes": 200}, ""),
        ("{pixel_subsets: 0}", {"passes": 16}, ""),
        ("{pixel_subsets: 200}", {"passes": 199}, "the policy asks for pixel_subsets with 200 passes, but it had 199"),
        (
            "{pixel_subsets: 200, pixel_subsets_method: batched_gradient}",
            {"passes": 200, "method": "mask_optimization"},
            "the policy asks for pixel_subsets by batched_gradient, but it searched by mask_optimization",
        ),
        (
            "{pixel_subsets: 200, pixel_subsets_method: mask_optimization}",
            {"passes": 200, "method": "mask_optimization"},
            "",
        ),
    ],
)
def test_pixel_subsets_of_a_smaller_budget_or_another_search_are_inconclusive(asked, plan, reason):
    result = searched()
    result["specification"]["controls"] = [{"control": "pixel_subsets", "images": 0, **plan}]

    given = verdict(f"audit: {asked}\n{OFF}, overinterpretation-rate: {{max: 0.45}}}}", result)

    assert (given.outcome, given.rules[0].worst.reason) == (("INCONCLUSIVE", reason) if reason else ("PASS", ""))


def test_an_audit_ends_early_by_the_search_that_rules_are_about():
    asked = "audit: {threshold: [0.5, 0.9], target: [random_other, predicted], stopping: true}"
    rule = "overinterpretation-rate: {max: 0.45}"

    (limit,) = stopping_of(policy(f"{asked}\n{OFF}, {rule}}}")).limits

    assert limit.search_index == 2


def test_an_explanation_says_what_is_measured():
    told = list(explained(policy("audit: {threshold: [0.7, 0.9], target: [predicted, random_other], controls: []}")))

    assert (
        "The audit: threshold 0.7 and 0.9, target predicted and random_other, no controls. Its 4 searches: "
        "0: threshold 0.7, target predicted; 1: threshold 0.9, target predicted; 2: threshold 0.7, target "
        "random_other; 3: threshold 0.9, target random_other. A rule without `search` is about search 0."
    ) in told
    assert "The audit: passes 300, seed 0, stopping true." in list(
        explained(policy("audit: {passes: 300, seed: 0, stopping: true}"))
    )
