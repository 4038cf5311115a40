"""`modicum gate` as a shell sees it: it audits as the policy asks, judges, and ends with the verdict."""

import json
import re
import shlex
from contextlib import nullcontext
from datetime import date

import grpc
import pytest
from modicum.cli.command import app
from modicum.cli.policy_options import under_audit
from modicum.errors import InvalidArgument, PolicyError
from modicum.gate.policy_file import policy_of
from modicum.v1 import audit_service_pb2, search_pb2, verdict_pb2
from typer.main import get_command

from tests.client.scripted_results import succeeded, unmeasured
from tests.commands import run_command
from tests.gate.documents import CLEAN, VERSION, document, image, place, row, share

GATE = "modicum gate photos --weights w.safetensors --architecture torchvision:resnet18 --input imagenet"
GATE += " --class-labels labels.txt --quiet"
SPOTS = {
    "clean": CLEAN,
    "planted": (CLEAN[0], row(0, place((20, 0)), label="cat"), CLEAN[2]),
    "open": (CLEAN[0], row(0, place((6, 6)), label="cat"), CLEAN[2]),
}


@pytest.mark.parametrize(("name", "code"), [("clean", 0), ("planted", 1), ("open", 4)])
def test_the_gate_audits_as_the_policy_asks_and_ends_with_the_verdict(gate_shell, script, name, code):
    succeeded(script, document(spots=SPOTS[name], level=0.99, seed=7))

    ended = gate_shell(f"{GATE} | head -1; exit ${{PIPESTATUS[0]}}")

    assert ended.returncode == code, ended.stderr
    asked = script.calls["CreateAudit"][0].audit.specification
    assert (asked.seed, asked.searches[0].passes, asked.statistics.level) == (7, 300, 0.99)
    assert [plan.control for plan in asked.controls] == [search_pb2.CONTROL_SPOT]


def test_a_rule_of_each_class_is_judged_by_the_labels_of_the_report(gate_shell, script, tmp_path):
    measured = {"accuracy": share(180, 200, groups={"0": share(90, 100)})}
    result = document(measured, spots=CLEAN, level=0.99, seed=7)
    result["models"][0]["class_labels"] = ["cat", "dog"]
    rows = [image(at) for at in range(9)]
    stored = json.loads(succeeded(script, result))
    script.reports[audit_service_pb2.REPORT_FORMAT_JSON] = json.dumps({**stored, "rows": rows}).encode()
    with (tmp_path / "modicum.yaml").open("a") as policy:
        policy.write("rules: {accuracy: {min: 0.3, classes: all}}\n")

    ended = gate_shell(GATE)

    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_images_of_which_none_can_be_measured_are_refused(gate_shell, script):
    succeeded(script, unmeasured())

    assert gate_shell(GATE).returncode == 5


def test_an_audit_that_fails_is_not_completed(gate_shell, script):
    script.watches = [([(3, "FAILED")], "end")] * 3

    assert gate_shell(GATE).returncode == 3


def test_a_rule_that_needs_labels_is_refused_before_anything_is_uploaded(gate_shell, script, tmp_path):
    (tmp_path / "photos" / "cat" / "a.jpg").rename(tmp_path / "photos" / "a.jpg")
    (tmp_path / "photos" / "cat").rmdir()
    with (tmp_path / "modicum.yaml").open("a") as policy:
        policy.write("rules:\n  accuracy: {min: 0.8}\n")

    ended = gate_shell(GATE)

    assert ended.returncode == 2
    assert "modicum.yaml:4:3: accuracy needs labels, but no image has one" in ended.stderr
    assert script.calls["CreateDataset"] == []


@pytest.mark.long_after(1)
@pytest.mark.parametrize("rule", ["object-share-median", "object-share-excess-median"])
def test_a_rule_about_objects_is_refused_before_anything_is_uploaded_without_boxes_and_masks(
    gate_shell, script, tmp_path, rule
):
    with (tmp_path / "modicum.yaml").open("a") as policy:
        policy.write(f"rules:\n  {rule}: {{min: 0}}\n")

    ended = gate_shell(GATE)

    assert ended.returncode == 2
    assert f"modicum.yaml:4:3: {rule} needs boxes or masks, but no image has any: audit with --boxes" in ended.stderr
    assert script.calls["CreateDataset"] == []


def test_a_rule_about_objects_is_judged_where_an_image_has_boxes(gate_shell, script, tmp_path):
    (tmp_path / "boxes.csv").write_text("file,left,top,right,bottom\ncat/a.jpg,0,0,8,8\n")
    with (tmp_path / "modicum.yaml").open("a") as policy:
        policy.write("rules:\n  object-share-median: {min: 0.5}\n")
    measured = share(80, 100)
    succeeded(script, document({"object_share_median": measured}, spots=SPOTS["clean"], level=0.99, seed=7))

    ended = gate_shell(f"{GATE} --boxes boxes.csv --json")

    (rule,) = [one for one in json.loads(ended.stdout)["rules"] if one["id"] == "object-share-median"]
    assert rule["outcome"] == "PASS"


def test_a_wrong_policy_ends_the_gate_before_any_call(gate_shell, script, tmp_path):
    (tmp_path / "modicum.yaml").write_text("version: 1\naudit: {treshold: 0.9}\n")

    ended = gate_shell(GATE)

    assert ended.returncode == 2
    assert "modicum.yaml:2:9: unknown key 'treshold'; did you mean 'threshold'?" in ended.stderr
    assert script.calls == {}


@pytest.mark.long
def test_a_sample_larger_than_the_images_is_said_with_its_line_in_the_policy(gate_shell, script, tmp_path):
    (tmp_path / "modicum.yaml").write_text("version: 1\naudit:\n  sample: 500\n")

    ended = gate_shell(GATE)

    said = " ".join(ended.stderr.split())
    assert ended.returncode == 2
    assert "modicum.yaml:3:11: audit.sample: expected at most 1, the number of images in photos; got 500: " in said
    assert "got 500: lower it, or remove it, to audit all images" in said
    assert "--sample" not in said
    assert script.calls == {}


def test_a_result_of_another_form_is_said_with_its_option(gate_shell, script):
    ended = gate_shell(f"{GATE} --result report.md")

    assert ended.returncode == 2
    assert "--result report.md: expected a file ending in .json or .html, got .md" in ended.stderr
    assert script.calls == {}


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("--threshold 0.9", "--threshold belongs under `audit` in the policy (threshold: 0.9)"),
        ("--threshold=0.9", "--threshold belongs under `audit` in the policy (threshold: 0.9)"),
        ("--threshold 0.8 --threshold 0.9", "(threshold: [0.8, 0.9])"),
        ("--pixels-per-step 8", "--pixels-per-step belongs under `audit` in the policy (pixels_per_step: 8)"),
        ("--control spot:30", "--control belongs under `audit` in the policy (controls: [spot:30])"),
        ("--no-controls", "--no-controls belongs under `audit` in the policy (controls: [])"),
        ("--stopping 'accuracy>=0.9'", "--stopping belongs under `audit` in the policy (stopping: true)"),
        ("--sample", "--sample belongs under `audit` in the policy (sample: ...)"),
    ],
)
def test_an_option_of_an_audit_is_said_to_belong_into_the_policy(capsys, given, says):
    ended = run_command([*GATE.split()[1:], *shlex.split(given)], capsys)

    assert ended.exit_code == 2
    assert says in " ".join(ended.stderr.replace("│", "").split())


def test_an_option_that_no_audit_has_is_said_to_be_unknown(capsys):
    ended = run_command([*GATE.split()[1:], "--bogus", "1"], capsys)

    assert ended.exit_code == 2
    assert "No such option: --bogus" in ended.said


def test_every_option_of_an_audit_is_taken_by_the_gate_or_by_its_policy():
    commands = get_command(app).commands
    audit, gate = ({option for one in commands[name].params for option in one.opts} for name in ("audit", "gate"))

    assert {option for option in audit - gate if not under_audit(option, ())} == {"--verbose", "-v"}


def test_wrong_files_are_refused_before_a_server_is_started_that_stores(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "modicum.yaml").write_text("version: 1\n")
    started = []
    monkeypatch.setattr("modicum.cli.gate.Client", lambda **_: started.append(True) or nullcontext())

    ended = run_command([*GATE.split()[1:], "--save", "--local"], capsys)

    assert ended.exit_code == 2
    assert "--weights w.safetensors: there is no such file" in ended.said
    assert started == []


def test_the_gate_stores_its_verdict_where_it_is_asked_to(gate_shell, script):
    succeeded(script, document(spots=SPOTS["clean"], level=0.99, seed=7))

    ended = gate_shell(f"{GATE} --save --json")

    (asked,) = script.calls["JudgeAudit"]
    assert ended.returncode == 0, ended.stderr
    assert json.loads(ended.stdout)["outcome"] == "PASS"
    assert ended.stderr.endswith("the verdict is stored as projects/default/verdicts/v\n")
    assert (asked.name, asked.policy_file) == ("projects/default/audits/a", "modicum.yaml")
    assert asked.policy.startswith("version: 1\n")
    assert asked.request_id


def test_nothing_is_stored_without_being_asked(gate_shell, script):
    succeeded(script, document(spots=SPOTS["clean"], level=0.99, seed=7))

    assert gate_shell(GATE).returncode == 0
    assert script.calls["JudgeAudit"] == []


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("name", "code"), [("clean", 2), ("planted", 1)])
def test_a_verdict_that_was_not_stored_is_told_and_never_hides_a_failure(gate_shell, script, name, code):
    succeeded(script, document(spots=SPOTS[name], level=0.99, seed=7))
    script.steps["JudgeAudit"] = [(grpc.StatusCode.PERMISSION_DENIED, "ROLE_INSUFFICIENT", {})]

    ended = gate_shell(f"{GATE} --save")

    assert ended.returncode == code
    assert "[ROLE_INSUFFICIENT]" in ended.stderr
    assert "stored as" not in ended.stderr


def test_a_server_that_comes_to_another_outcome_is_no_pass(gate_shell, script):
    succeeded(script, document(spots=SPOTS["clean"], level=0.99, seed=7))
    script.verdict.outcome = verdict_pb2.Verdict.OUTCOME_INCONCLUSIVE

    ended = gate_shell(f"{GATE} --save")

    assert ended.returncode == 3
    assert "the server stored INCONCLUSIVE" in ended.stderr


def test_the_server_stores_the_verdict_on_the_version_that_was_judged(gate_shell, script):
    script.reports[audit_service_pb2.REPORT_FORMAT_JSON] = succeeded(
        script, document(spots=SPOTS["clean"], level=0.99, seed=7)
    )

    ended = gate_shell("modicum judge a --version m --save")

    assert "[" not in ended.stderr
    assert script.calls["JudgeAudit"][0].model_version == VERSION


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("words", "names"),
    [
        (f"{GATE} --save", ["audits/a", "verdicts/v"]),
        ("modicum audits watch a", ["audits/a"]),
        ("modicum judge a --save", ["verdicts/v"]),
    ],
)
def test_commands_say_where_to_look_if_the_server_says_where_its_pages_are(gate_shell, script, words, names):
    script.pages = "http://127.0.0.1:7401"
    json_report = audit_service_pb2.REPORT_FORMAT_JSON
    script.reports[json_report] = succeeded(script, document(spots=SPOTS["clean"], level=0.99, seed=7))

    ended = gate_shell(words.replace("--quiet ", ""))

    looked = re.findall(r"look: http://127\.0\.0\.1:7401/projects/default/(\S+)", ended.stderr)
    assert looked == names, ended.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize("pages", ["", "file:///etc/passwd", "javascript:alert(1)", "http://a b"])
def test_commands_say_no_address_that_is_none(gate_shell, script, pages):
    script.pages = pages
    succeeded(script, document(spots=SPOTS["clean"], level=0.99, seed=7))

    assert "look:" not in gate_shell("modicum audits watch a").stderr


def test_a_policy_that_compares_with_a_file_cannot_be_stored(gate_shell, script, tmp_path):
    with (tmp_path / "modicum.yaml").open("a") as policy:
        policy.write("baseline: {file: main.json}\n")

    for command in (f"{GATE} --save", "modicum judge some-audit --save"):
        ended = gate_shell(command)
        assert ended.returncode == 2
        assert "--save: modicum.yaml compares with a baseline file" in ended.stderr


def test_a_verdict_on_a_file_cannot_be_stored(gate_shell):
    ended = gate_shell("modicum judge result.json --save")

    assert ended.returncode == 2
    assert "--save: expected the name of an audit, got the file result.json" in ended.stderr


@pytest.mark.parametrize("version", ["net/2", "projects/default/models/net/versions/2"])
def test_the_client_lets_one_version_of_an_audit_be_judged_alone(client, script, tmp_path, version):
    (tmp_path / "gate.yaml").write_text("version: 1\n")

    client.judge("a", tmp_path / "gate.yaml", version=version)
    client.judge("a", tmp_path / "gate.yaml")

    alone, together = script.calls["JudgeAudit"]
    assert (alone.model_version, together.model_version) == ("projects/default/models/net/versions/2", "")


@pytest.mark.parametrize("line", ["audit: {controls: [transfer]}", "rules: {transfer-class-kept-share: {min: 0.5}}"])
def test_what_one_version_cannot_have_is_refused_before_anything_is_uploaded(gate_shell, script, tmp_path, line):
    (tmp_path / "modicum.yaml").write_text(f"version: 1\n{line}\n")

    ended = gate_shell(GATE)

    assert ended.returncode == 2
    assert "needs another version in the same audit, but the gate audits one: audit both with" in ended.stderr
    assert script.calls["CreateDataset"] == script.calls["CreateModelVersion"] == []


def test_the_client_refuses_what_one_version_cannot_have_before_it_asks_for_an_audit(client, script, tmp_path):
    (tmp_path / "gate.yaml").write_text("version: 1\nrules: {mitigation: {expect: [MITIGATED]}}\n")

    with pytest.raises(PolicyError, match="mitigation needs an ensemble beside its members"):
        client.gate("m", "photos", tmp_path / "gate.yaml")
    assert script.calls["CreateAudit"] == []


def test_the_client_takes_a_policy_as_a_dictionary(client, script):
    policy = {"version": 1, "rules": {"accuracy": {"min": 0.9}}}

    client.judge("a", policy)

    (asked,) = script.calls["JudgeAudit"]
    assert (json.loads(asked.policy), asked.policy_file) == (policy, "policy")
    assert "accuracy" in {rule.id for rule in policy_of(asked.policy, "policy", today=date(2026, 1, 1)).rules}


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        (None, "policy: expected the path of a policy's file, or a dictionary; got NoneType"),
        (["modicum.yaml"], "or a dictionary; got list"),
        ({"version": {1}}, "policy: expected text, numbers, lists and dictionaries; got set"),
        ({"version": float("nan")}, "policy: expected text, numbers"),
    ],
)
def test_what_is_no_policy_is_refused_before_any_call(client, script, policy, says):
    for refused in (lambda: client.judge("a", policy), lambda: client.gate("m", "photos", policy)):
        with pytest.raises(InvalidArgument, match=says):
            refused()
    assert not script.calls.keys() & {"JudgeAudit", "CreateAudit"}
