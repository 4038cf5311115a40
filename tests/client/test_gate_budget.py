"""`modicum gate --budget`: whatever takes long, the command ends in time with a verdict that says what was cut."""

import pytest
from modicum.v1 import audit_pb2, audit_service_pb2

from tests.client.alarms import Alarms
from tests.client.scripted_results import succeeded, unmeasured
from tests.client.test_gate_command import SPOTS
from tests.commands import run_command
from tests.gate.documents import document
from tests.model_files import SAFETENSORS

AUDIT = audit_pb2.Audit
GATE = "gate photos --weights w.safetensors --architecture torchvision:resnet18 --input imagenet"
GATE += " --class-labels labels.txt --quiet"
RUNNING = ([(2, "RUNNING")], None)
"""A watch of an audit that goes on."""


@pytest.fixture
def alarms(monkeypatch):
    return Alarms(monkeypatch)


@pytest.fixture
def silent(alarms, script):
    """A step of a call that is not answered: the next alarm comes while it is waited for."""

    return lambda: alarms.strike_while(script.ended.wait)


@pytest.fixture
def gate(tmp_path, monkeypatch, address, alarms, capsys):
    """Runs the command in this process, in a folder with images, weights and a policy."""
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "a.jpg").write_bytes(b"a")
    (tmp_path / "w.safetensors").write_bytes(SAFETENSORS)
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    audit = "{threshold: 0.9, passes: 300, seed: 7, controls: [spot], level: 0.99}"
    (tmp_path / "modicum.yaml").write_text(f"version: 1\naudit: {audit}\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODICUM_ADDRESS", address)

    return lambda options: run_command([*GATE.split(), *options.split()], capsys)


def test_a_budget_stops_the_searches_and_then_cuts_what_follows_them(gate, script, alarms):
    cut = {"planned": 200, "images": 200, "reason": "ASKED", "why": ["the budget of 16s was spent"], "cut": ["spot"]}
    succeeded(script, document(spots=(), level=0.99, seed=7, stopping=cut))
    script.audit.state = AUDIT.STATE_RUNNING
    script.watches = [RUNNING, RUNNING, *[([(3, "SUCCEEDED")], "end")] * 4]
    script.steps["WatchAudit"] = [alarms.strike, alarms.strike]

    ended = gate("--budget 16s")

    stops = script.calls["StopAudit"]
    assert [(one.without_scores, one.why) for one in stops] == [
        (False, "the budget of 16s was spent"),
        (True, "the budget of 16s was spent"),
    ]
    assert ended.exit_code == 4, ended.stderr
    assert "the spot test was left out: the budget of 16s was spent" in ended.stdout
    assert "note: the audit ended after 200 of 200 images: the budget of 16s was spent; left out: the spot test" in (
        ended.stdout
    )
    assert script.calls["CancelAudit"] == []


def test_a_budget_that_is_spent_on_the_baseline_leaves_the_verdict_on_the_new_model(gate, script, silent, tmp_path):
    with (tmp_path / "modicum.yaml").open("a") as policy:
        policy.write("baseline: {audit: before}\nrules: {accuracy: {level: error, max_regression: 0.02}}\n")
    written = succeeded(script, document(spots=SPOTS["planted"], level=0.99, seed=7))
    script.reports = {audit_service_pb2.REPORT_FORMAT_JSON: written}
    script.steps["GetAuditReport"] = [None, silent]

    ended = gate("--budget 12s --save")

    assert ended.exit_code == 1, ended.stderr
    assert "FAIL         spot" in ended.stdout
    assert "INCONCLUSIVE accuracy (error)" in ended.stdout
    assert "note: the budget of 12s was spent while the baseline was audited" in ended.stdout
    assert "the verdict is not stored: the budget of 12s was spent while the baseline was audited" in ended.stderr
    assert script.calls["JudgeAudit"] == []


def test_a_budget_that_is_spent_before_an_image_began_measures_nothing(gate, script):
    result = unmeasured()
    result["models"][0]["searches"][0]["counts"].update(images=0, failed=0)
    succeeded(script, result)

    ended = gate("--budget 12s")

    assert ended.exit_code == 4, ended.stderr
    assert ended.stdout.startswith("INCONCLUSIVE: the budget of 12s was spent while the audit waited to begin")


@pytest.mark.parametrize(("name", "code"), [("clean", 3), ("planted", 1)])
def test_a_budget_bounds_how_long_the_verdict_may_take_to_be_stored(gate, script, silent, name, code):
    succeeded(script, document(spots=SPOTS[name], level=0.99, seed=7))
    script.steps["JudgeAudit"] = [silent]

    ended = gate("--save --budget 12s")

    assert ended.exit_code == code, ended.stderr
    assert "the verdict is not stored: the budget of 12s was spent while the verdict was stored" in ended.stderr


def test_a_server_that_does_not_answer_holds_up_no_verdict(gate, script, alarms, silent):
    script.audit.state = AUDIT.STATE_RUNNING
    script.watches = [RUNNING] * 5
    script.steps["WatchAudit"] = [alarms.strike, alarms.strike]
    script.steps["StopAudit"] = [silent]
    script.steps["CancelAudit"] = [silent]

    ended = gate("--budget 8s")

    assert ended.exit_code == 4, ended.stderr
    assert ended.stdout.startswith("INCONCLUSIVE: the budget of 8s was spent while the audit ran; no measurement was")
    assert "may still run: no time was left to wait until it was cancelled" in ended.stderr
