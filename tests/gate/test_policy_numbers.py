"""Numbers and texts of a policy that no result can have, or no server can take: each is refused at its place."""

import json

import pytest
from modicum.errors import InvalidSource
from modicum.gate.catalogue import known_rules, rules_that_cannot_fail
from modicum.gate.json_documents import json_document
from modicum.gate.policy import Kind
from modicum.gate.presets import PRESETS
from modicum.gate.schemas import POLICY, schema_of
from modicum.searches import Control

from tests.gate.test_policy import policy, refused

MAIN = "baseline: {file: main.json}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "rules:\n  overinterpretation-rate: {max: 20}",
            "modicum.yaml:3:34: overinterpretation-rate.max: expected a number from 0 to 1, got 20; did you mean 0.2?",
        ),
        ("rules:\n  accuracy: {min: 80}", "accuracy.min: expected a number from 0 to 1, got 80; did you mean 0.8?"),
        ("rules:\n  accuracy: {min: -0.1}", "accuracy.min: expected a number from 0 to 1, got -0.1"),
        ("rules:\n  accuracy: {min: 800}", "accuracy.min: expected a number from 0 to 1, got 800"),
        (
            "rules:\n  shortcut-accuracy-excess: {max: 5}",
            "3:35: shortcut-accuracy-excess.max: expected a number from -1 to 1, got 5; did you mean 0.05?",
        ),
        ("rules:\n  subset-size-median: {min: -3}", "subset-size-median.min: expected 0 or more, got -3"),
        (
            "rules:\n  spot-pasted-version-difference: {max: 2.5}",
            "expected a number from -2 to 2, got 2.5; did you mean 0.025?",
        ),
        (
            f"{MAIN}rules:\n  accuracy: {{max_regression: 2}}",
            "modicum.yaml:4:30: accuracy.max_regression: expected a number from 0 to 1, got 2; did you mean 0.02?",
        ),
        (
            "rules:\n  accuracy: {min: 0.9, max: 0.1}",
            "modicum.yaml:3:19: accuracy: min 0.9 is above max 0.1, so nothing could pass",
        ),
        ("rules:\n  accuracy: {min: -1e999}", "modicum.yaml:3:19: expected a finite number, got -1e999"),
        ("rules:\n  accuracy: {min: .nan}", "rules.accuracy.min: expected a number, got the text '.nan'"),
        (
            "rules:\n  accuracy: {min: 0.5, search: 0.0}",
            "modicum.yaml:3:32: rules.accuracy.search: expected a whole number, got 0.0; write 0",
        ),
        ("audit: {passes: 2e1}", "modicum.yaml:2:17: audit.passes: expected a whole number, got 20.0; write 20"),
        ("audit: {seed: 1.5}", "modicum.yaml:2:15: audit.seed: expected a whole number, got 1.5"),
        ("audit: {seed: 99999999999999999999}", "audit.seed: expected at most 9223372036854775807, got 9999999999"),
        ("audit: {sample: 3000000000}", "audit.sample: expected at most 2147483647, got 3000000000"),
        (
            "audit: {controls: [spott]}",
            "NAME:IMAGES:PASSES of a control, got the text 'spott'; did you mean 'spot'?",
        ),
        *(
            (f"{part}", f"modicum.yaml:{place}: {called}: expected some text, got the text ''")
            for part, place, called in (
                (
                    "waivers:\n  - {rule: spot, class: '', reason: r, owner: o, expires: 2027-01-01}",
                    "3:25",
                    "waivers.0.class",
                ),
                ("accept:\n  - {rule: spot, class: '', place: moving, reason: r, owner: o}", "3:25", "accept.0.class"),
                ("rules:\n  spot: {classes: ['']}", "3:20", "rules.spot.classes.0"),
                ("rules:\n  spot: {dataset: ''}", "3:19", "rules.spot.dataset"),
            )
        ),
        (
            "waivers:\n  - {rule: spot, reason: '  ', owner: o, expires: 2027-01-01}",
            "modicum.yaml:3:26: waivers.0.reason: expected some text, got the text '  '",
        ),
        (
            "waivers:\n  - {rule: spot, reason: r, owner: '', expires: 2027-01-01}",
            "modicum.yaml:3:36: waivers.0.owner: expected some text, got the text ''",
        ),
        (
            "waivers:\n  - {rule: spot, model_digest: 'sha256:0', reason: r, owner: o, expires: 2027-01-01}",
            "waivers.0.model_digest: expected the digest of the model's version, sha256: and 64 hexadecimal digits,",
        ),
    ],
)
def test_what_no_result_can_have_is_refused_with_its_place_and_what_was_meant(text, says):
    (line,) = refused(text).splitlines()

    assert says in line


@pytest.mark.parametrize(
    "rule",
    [
        "overinterpretation-rate: {max: 1}",
        "accuracy: {min: 0}",
        "class-targeted-size-ratio-median: {min: 1.5}",
        "shortcut-accuracy-excess: {min: -0.5, max: 0.02}",
        "subset-size-median: {max: 400}",
    ],
)
def test_limits_up_to_the_ends_of_a_range_are_valid(rule):
    assert policy(f"rules: {{{rule}}}").rules


def test_each_measure_has_a_range():
    measured = [rule for rule in known_rules().values() if rule.kind in {Kind.MEASURE, Kind.BASELINE}]

    assert [rule.id for rule in measured if rule.range[0] is None] == []


def test_each_key_that_a_waiver_lacks_is_said_once():
    lines = refused("waivers:\n  - {rule: spot}").splitlines()

    assert [line.split("has no ")[1].split(";")[0] for line in lines] == ["'expires'", "'owner'", "'reason'"]


def test_a_policy_may_name_every_control_and_its_numbers():
    names = schema_of(POLICY)["properties"]["audit"]["properties"]["controls"]["items"]["examples"]

    assert names == list(Control)
    assert policy(f"audit: {{controls: [{', '.join(names)}]}}")
    assert policy("audit: {controls: ['spot:64', 'class_targeted:0:600']}")
    for wrong in ("spot:", "spot:x", "spot:1:2:3", "spot:-1"):
        assert "audit.controls.0: expected NAME, NAME:IMAGES" in refused(f"audit: {{controls: ['{wrong}']}}")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_document_with_a_number_that_json_does_not_have_is_refused(number):
    with pytest.raises(InvalidSource, match=f"r.json: expected a result document in JSON; {number} is "):
        json_document(f'{{"value": {number}}}'.encode(), "r.json", called="a result document")

    assert json_document(json.dumps({"value": 1e308}).encode(), "r.json", called="it") == {"value": 1e308}


@pytest.mark.parametrize(
    ("rule", "because"),
    [
        ("accuracy: {min: 0}", "min: 0 allows every value from 0 to 1"),
        (
            "accuracy: {min: 0, max: 1}",
            "max: 1 allows every value from 0 to 1 and min: 0 allows every value from 0 to 1",
        ),
        ("subset-size-median: {min: 0}", "min: 0 allows every value from 0"),
        ("spot-pasted-version-difference: {max: 2}", "max: 2 allows every value from -2 to 2"),
        ("random: {expect: [THESE_PIXELS, ANY_PIXELS, INCONCLUSIVE]}", "it expects every outcome"),
    ],
)
def test_a_rule_that_no_result_fails_is_told(rule, because):
    (told,) = rules_that_cannot_fail(policy(f"rules: {{spot: off, {rule}}}"))

    assert told.startswith("modicum.yaml:2:")
    assert f": {rule.partition(':')[0]} can never fail, because {because}; change the rule or set" in told


@pytest.mark.parametrize(
    "rule", ["accuracy: {min: 0.01}", "accuracy: {min: 0, max: 0.9}", "subset-size-median: {min: 1}"]
)
def test_a_rule_that_some_result_fails_is_not_told(rule):
    assert not list(rules_that_cannot_fail(policy(f"rules: {{{rule}}}")))


@pytest.mark.parametrize("preset", PRESETS)
def test_no_preset_has_a_rule_that_no_result_fails(preset):
    assert not list(rules_that_cannot_fail(policy(f"preset: {preset}")))
