"""Policies: what is valid, and what is said of what is not."""

import inspect
import json
import re
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from modicum.cli.consoles import print_error
from modicum.errors import PolicyError
from modicum.gate import schemas
from modicum.gate.catalogue import known_rules, outdated_outcomes
from modicum.gate.explanation import explained
from modicum.gate.marked_yaml import marked_yaml
from modicum.gate.policy import Kind, Level
from modicum.gate.policy_file import policy_of, policy_text
from modicum.gate.presets import PRESETS
from modicum.gate.reading_rules import RULES

from tests.gate.documents import TODAY
from tests.gate.policies import policy, refused
from tools import gate_rules

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "policy.md"


def test_a_policy_of_one_line_has_the_rules_of_the_recommended_preset():
    rules = policy("").rules

    assert [(rule.id, rule.level) for rule in rules] == [
        ("spot", Level.ERROR),
        ("shortcut-accuracy-excess", Level.WARN),
        ("counterfactual-accuracy-loss", Level.WARN),
    ]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_valid_by_itself(preset):
    assert {rule.id for rule in policy(f"preset: {preset}").rules} == set(PRESETS[preset])


def test_a_rule_of_the_policy_replaces_that_of_the_preset_and_keeps_its_limit():
    rules = {rule.id: rule for rule in policy("rules:\n  spot: off\n  shortcut-accuracy-excess: error").rules}

    assert set(rules) == {"shortcut-accuracy-excess", "counterfactual-accuracy-loss"}
    assert (rules["shortcut-accuracy-excess"].level, rules["shortcut-accuracy-excess"].max) == (Level.ERROR, 0.05)


def test_off_yes_and_dates_are_text_and_numbers_are_numbers():
    value = marked_yaml("{a: off, b: yes, c: 2027-03-01, d: 1, e: 1e-3, f: '1', g: true, h: .nan}", "f").value

    assert value == {"a": "off", "b": "yes", "c": "2027-03-01", "d": 1, "e": 0.001, "f": "1", "g": True, "h": ".nan"}


def test_an_explanation_says_that_the_spot_rule_fails_a_network_for_its_objects_too():
    told = list(explained(policy("")))

    (at,) = (
        at for at, line in enumerate(told) if line.startswith("  cannot tell the object from a cue; it fails where")
    )
    assert told[at - 2].startswith("spot (error, preset)")


def test_an_explanation_says_that_moving_places_are_accepted_and_of_which_class():
    accept = "accept: [{rule: spot, class: kite, place: moving, reason: the kite itself, owner: us}]"

    told = list(explained(policy(accept)))

    assert told[-1] == "Accepted by us, for kite: places that are chosen for each picture (the kite itself)."


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("waiver: []", "modicum.yaml:2:1: unknown key 'waiver'; did you mean 'waivers'?"),
        (
            "rules:\n  accuracy: eror",
            "modicum.yaml:3:13: rules.accuracy: expected one of off, warn, error (did you mean 'error'?), got the text",
        ),
        ("rules:\n  acuracy: off", "modicum.yaml:3:3: unknown rule 'acuracy'; did you mean 'accuracy'?"),
        (
            "rules:\n  accuracy: {levl: warn, min: 1}",
            "modicum.yaml:3:14: unknown key 'levl'; did you mean 'level'?",
        ),
        (
            "rules:\n  spot: error\n  spot: warn",
            "modicum.yaml:4:3: the key 'spot' occurs twice; it is already on line 3: remove one",
        ),
        ("error_budget: no", "modicum.yaml:2:15: error_budget: expected a number, got the text 'no'"),
        ("error_budget: 0", "modicum.yaml:2:15: error_budget: expected a number above 0, got 0"),
        ("rules: []", "modicum.yaml:2:8: rules: expected a mapping, got an empty list"),
        (
            "rules:\n  accuracy: warn",
            "modicum.yaml:3:3: accuracy: expected a limit: max, min or max_regression, but neither the rule nor",
        ),
        (
            "rules:\n  spot: {max: 3}",
            "modicum.yaml:3:10: spot takes no max, because it passes where no small spot decides",
        ),
        (
            "rules:\n  random: {expect: [THESE_PIXELS], max: 3}",
            "modicum.yaml:3:36: random is a reading and takes no max; use `expect` or remove it",
        ),
        (
            "waivers:\n  - {rule: spot, class: 7, reason: r, owner: o, expires: 2027-01-01}",
            "modicum.yaml:3:25: waivers.0.class: expected text, got 7; if it is a name, write it in quotes: '7'",
        ),
        (
            "rules:\n  accuracy: {max_drop: 0.05}",
            "modicum.yaml:3:14: max_drop is only for counterfactual-accuracy; remove it from accuracy",
        ),
        (
            "rules:\n  counterfactual-accuracy: {max_drop: 0.05}\n  counterfactual-accuracy-loss: {max: 0.1}",
            "modicum.yaml:3:29: max_drop is the max of counterfactual-accuracy-loss, which the policy has, too",
        ),
        (
            "rules:\n  counterfactual-accuracy: {max_drop: 5}",
            "modicum.yaml:3:39: counterfactual-accuracy-loss.max: expected a number from -1 to 1, got 5; did you mean",
        ),
        (
            "rules:\n  accuracy: {max_regression: 0.02}",
            "modicum.yaml:3:14: max_regression needs `baseline: {file: FILE.json}`; add it or remove the limit",
        ),
        (
            "rules:\n  eligible-share: {max_regression: 0.02}",
            "modicum.yaml:3:20: max_regression is only for accuracy; remove it from eligible-share",
        ),
        (
            "waivers:\n  - {rule: spot, reason: r, expires: 2027-01-01}",
            "modicum.yaml:3:5: waivers.0 has no 'owner'; add it: Who answers for it",
        ),
        (
            "waivers:\n  - {rule: spot, reason: r, owner: o, expires: 2027-02-30}",
            "modicum.yaml:3:48: waivers.0.expires: expected a day as YYYY-MM-DD, got '2027-02-30'",
        ),
        (
            "accept:\n  - {rule: spot, class: kite, place: movin, reason: r, owner: o}",
            "accept.0.place: expected moving (did you mean 'moving'?), got the text 'movin'",
        ),
        ("a: &x 1\nb: *x", "modicum.yaml:2:4: expected a value without anchor, alias or tag; write the value out"),
        ("a: 1\nb: *x", "modicum.yaml:3:4: expected YAML; found undefined alias"),
        ("a: !!int 1", "modicum.yaml:2:4: expected a value without anchor, alias or tag; write the value out"),
        ("a: 1\nb: !x {}", "modicum.yaml:3:4: expected a value without anchor, alias or tag; write the value out"),
        ("a: [", "modicum.yaml:2:5: expected YAML"),
        ("a: 1\n---\nb: 2", "expected YAML"),
    ],
)
def test_what_is_wrong_is_said_with_its_place_and_what_was_expected(text, says):
    assert says in refused(text)


def test_a_policy_without_its_version_is_told_the_line_to_add():
    with pytest.raises(PolicyError) as raised:
        policy_of("rules: {spot: error}\n", "modicum.yaml", today=TODAY)

    assert str(raised.value) == "modicum.yaml:1:1: the policy has no 'version'; add `version: 1`"


@pytest.mark.parametrize("version", ["1.0", "1e0"])
def test_a_version_is_a_whole_number(version):
    with pytest.raises(PolicyError, match=r"modicum.yaml:1:10: version: expected 1, got 1.0; write 1"):
        policy_of(f"version: {version}\n", "modicum.yaml", today=TODAY)


def test_an_outcome_of_older_results_alone_is_told():
    old = policy("rules:\n  shortcut: {expect: [NONE_SEEN, CLEAR]}\n  random: {expect: [THESE_PIXELS]}")

    (told,) = outdated_outcomes(old)
    assert told == (
        "modicum.yaml:3:3: shortcut expects CLEAR, an outcome of results before schema version 2; newer "
        "results have NONE_SEEN instead: expect that"
    )


@pytest.mark.parametrize("rule", [rule for rule in known_rules().values() if rule.outcomes], ids=lambda rule: rule.id)
def test_an_outcome_that_a_rule_does_not_have_is_refused_with_those_that_it_has(rule):
    (accepted,) = (
        one for one in policy(f"rules: {{{rule.id}: {{expect: {list(rule.outcomes)}}}}}").rules if one.expect
    )

    assert accepted.expect == rule.outcomes
    assert (
        f"rules.{rule.id}.expect.1: expected one of {', '.join(rule.outcomes)}, got the text 'SEEM'"
        in refused(f"rules:\n  {rule.id}: {{expect: [INCONCLUSIVE, SEEM]}}").splitlines()[0]
    )


@pytest.mark.parametrize("control", RULES)
def test_a_reading_can_be_expected_to_end_as_its_rule_ends(control):
    written = set(re.findall(r'"([A-Z_]+)"', inspect.getsource(RULES[control].outcome)))

    assert set(known_rules()[control.replace("_", "-")].outcomes) == written | {"INCONCLUSIVE"}


def test_every_rule_of_a_reading_or_a_verdict_has_outcomes_but_the_spot_rule():
    without = [
        rule.id for rule in known_rules().values() if rule.kind in {Kind.READING, Kind.VERDICT} and not rule.outcomes
    ]

    assert without == ["spot"]
    assert (
        "modicum.yaml:3:10: spot takes no expect, because it passes where no small spot decides; remove it"
        in refused("rules:\n  spot: {expect: [NONE_FOUND]}")
    )


def test_a_digest_of_digits_alone_is_text():
    assert marked_yaml(f"a: {'7' * 64}", "f").value == {"a": "7" * 64}


def test_every_problem_is_said_in_the_order_of_lines():
    lines = refused("waiver: []\nerror_budget: no\nrules:\n  accuracy: eror").splitlines()

    assert [line.split(":")[1] for line in lines] == ["2", "3", "5"]


def test_a_waiver_may_last_180_days_and_no_longer():
    entry = "waivers:\n  - {{rule: spot, reason: r, owner: o, expires: {}}}"

    (waiver,) = policy(entry.format(TODAY + timedelta(days=180))).waivers

    assert waiver.expires == TODAY + timedelta(days=180)
    assert "expected a day at most 180 days ahead (2027-05-26), got 2027-05-27" in refused(
        entry.format(TODAY + timedelta(days=181))
    )


def test_a_text_that_is_no_mapping_is_refused():
    with pytest.raises(PolicyError, match="expected a mapping that begins with `version: 1`, got a list"):
        policy_of("[1]", "modicum.yaml", today=TODAY)


def test_the_schema_is_valid_and_describes_every_key():
    import jsonschema  # noqa: PLC0415

    schema = schemas.schema_of(schemas.POLICY)
    jsonschema.Draft202012Validator.check_schema(schema)

    undescribed = [name for name, one in keys_of(schema) if "description" not in one]

    assert undescribed == []


def test_the_page_of_the_policy_names_every_key():
    page = PAGE.read_text(encoding="utf-8")

    assert [name for name, _ in keys_of(schemas.schema_of(schemas.POLICY)) if f"`{name}`" not in page] == []


def keys_of(schema):
    """Every key of the schema with what it says of it."""
    for name, one in schema.get("properties", {}).items():
        yield name, one
        yield from keys_of(one)
    for part in ("items", "additionalProperties"):
        if isinstance(schema.get(part), dict):
            yield from keys_of(schema[part])
    for one in schema.get("$defs", {}).values():
        yield from keys_of(one)


def test_every_measure_reading_and_verdict_of_the_server_is_a_rule():
    assert not gate_rules.differing(), "run tools/gate_rules.py"
    assert {"accuracy", "spot", "mitigation", "class-targeted"} <= set(known_rules())
    assert len(known_rules()) == len(gate_rules.rules()), "two rules have one id"


def test_a_control_that_the_schema_lacks_is_written_into_it():
    whole = gate_rules.SCHEMA_FILE.read_text(encoding="utf-8")
    earlier = whole.replace("|mask_only|", "|").replace('"mask_only", ', "")

    assert earlier.count("mask_only") == whole.count("mask_only") - 2 == 0
    assert gate_rules.schema_text(earlier) == whole


def test_a_policy_is_explained_in_words():
    text = "\n".join(
        explained(
            policy(
                "rules:\n  accuracy: {min: 0.8, classes: [cat]}\n"
                "waivers:\n  - {rule: spot, class: cat, reason: ticket 12, owner: us, expires: 2027-01-01}"
            )
        )
    )

    assert "accuracy (error, line 3): Accuracy\n  passes with at least 0.8" in text
    assert "judges only the classes cat" in text
    assert "Waived by us until 2027-01-01: spot for cat (ticket 12)." in text


@pytest.mark.parametrize(
    ("rule", "told"),
    [
        ("error", "rows that hold at least 90% of the images"),
        ("{classes: all, min_assessed: 0.5}", "a row of each class, and rows that hold at least 50% of the images"),
        ("{classes: pooled}", "the row of all classes together"),
        ("{classes: [cat, dog]}", "the rows of cat, dog"),
    ],
)
def test_the_spot_rule_says_which_rows_it_judges(rule, told):
    text = "\n".join(explained(policy(f"rules: {{spot: {rule}}}")))

    assert f"passes with no small spot that decides, in {told}\n" in text


@pytest.mark.parametrize(("classes", "told"), [("all", True), ("[cat]", True), ("pooled", False)])
def test_accuracy_by_class_says_of_which_images(classes, told):
    text = "\n".join(explained(policy(f"rules: {{accuracy: {{min: 0.5, classes: {classes}}}}}")))

    assert ("max and min are about the images that are predicted as the class" in text) is told


def test_a_rule_of_outcomes_is_explained_with_all_of_them():
    text = "\n".join(explained(policy("rules: {random: {expect: [THESE_PIXELS]}}")))

    assert "passes with the outcome THESE_PIXELS\n  can end as THESE_PIXELS, ANY_PIXELS, INCONCLUSIVE\n  needs" in text


def test_the_gate_imports_neither_the_network_nor_protobuf_nor_torch():
    program = (
        "import sys, pkgutil, importlib, modicum.gate\n"
        "for one in pkgutil.walk_packages(modicum.gate.__path__, 'modicum.gate.'): importlib.import_module(one.name)\n"
        "print(sorted(set(sys.modules) & {'grpc', 'google', 'torch', 'scipy', 'yaml', 'jsonschema', 'modicum_server'}))"
    )

    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert seen.stdout == "[]\n"


def test_the_command_writes_checks_and_explains_a_policy_and_never_overwrites_one(shell, tmp_path):
    (tmp_path / "modicum.yaml").unlink()

    written, checked, explanation = (shell(f"modicum policy {one}") for one in ("init", "check", "explain"))
    again = shell("modicum policy init")

    assert [one.returncode for one in (written, checked, explanation, again)] == [0, 0, 0, 2]
    assert checked.stdout == "modicum.yaml: valid; 1 rule of level error, 2 of level warn\n"
    assert "spot (error, preset)" in explanation.stdout
    assert "the file exists; remove it or name another" in again.stderr


def test_a_wrong_policy_ends_the_command_with_2_and_its_place(shell, tmp_path):
    (tmp_path / "modicum.yaml").write_text("version: 1\nrule: {}\n", encoding="utf-8")

    ended = shell("modicum policy check")

    assert (ended.returncode, ended.stdout) == (2, "")
    assert "modicum.yaml:2:1: unknown key 'rule'; did you mean 'rules'?" in ended.stderr


def test_the_schema_is_published_as_json_at_its_place():
    root = Path(__file__).resolve().parents[2]

    assert json.loads((root / "clients/python/modicum/schemas/policy-v1.json").read_text()) == schemas.schema_of(
        schemas.POLICY
    )


@pytest.mark.parametrize(
    "rule", ["shortcut: {expect: [NONE_SEEN], classes: all}", "mitigation: {expect: [MITIGATED], classes: [cat]}"]
)
def test_a_rule_without_classes_refuses_them(rule):
    with pytest.raises(PolicyError, match="and takes no classes; remove it"):
        policy_of(f"version: 1\nrules:\n  {rule}\n", "modicum.yaml", today=TODAY)


def test_a_policy_without_an_end_is_not_read_whole():
    with pytest.raises(PolicyError, match="expected a policy of at most"):
        policy_text(Path("/dev/zero"))


def test_a_name_in_a_message_cannot_steer_the_terminal(capsys):
    print_error("no class 'cat\x1b[2J\u202e'")

    assert capsys.readouterr().err == "modicum: no class 'cat\\x1b[2J\\xe2\\x80\\xae'\n"
