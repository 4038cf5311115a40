"""`modicum gate` as a shell sees it: it audits as the policy asks, judges, and ends with the verdict."""

import os
import subprocess

import pytest
from modicum.v1 import search_pb2

from tests.client.test_exit_codes_through_pipes import COMMAND, succeeded, unmeasured
from tests.gate.documents import CLEAN, document, place, row

GATE = f"{COMMAND} gate photos --weights w.safetensors --architecture torchvision:resnet18 --labels labels.txt --quiet"
SPOTS = {
    "clean": CLEAN,
    "planted": (CLEAN[0], row(0, place((20, 0)), label="cat"), CLEAN[2]),
    "open": (CLEAN[0], row(0, place((6, 6)), label="cat"), CLEAN[2]),
}


@pytest.fixture
def shell(tmp_path, address):
    """Runs a line of bash in a folder with images, weights and a policy."""
    (tmp_path / "photos" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "cat" / "a.jpg").write_bytes(b"a")
    (tmp_path / "w.safetensors").write_bytes(b"w")
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    audit = "{threshold: 0.9, passes: 300, seed: 7, controls: [spot], level: 0.99}"
    (tmp_path / "modicum.yaml").write_text(f"version: 1\naudit: {audit}\n")

    def run(line):
        environment = {**os.environ, "MODICUM_ADDRESS": address}
        return subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )

    return run


@pytest.mark.parametrize(("name", "code"), [("clean", 0), ("planted", 1), ("open", 4)])
def test_the_gate_audits_as_the_policy_asks_and_ends_with_the_verdict(shell, script, name, code):
    succeeded(script, document(spots=SPOTS[name], level=0.99, seed=7))

    ended = shell(f"{GATE} | head -1; exit ${{PIPESTATUS[0]}}")

    assert ended.returncode == code, ended.stderr
    asked = script.calls["CreateAudit"][0].audit.specification
    assert (asked.seed, asked.searches[0].passes, asked.statistics.level) == (7, 300, 0.99)
    assert [plan.control for plan in asked.controls] == [search_pb2.CONTROL_SPOT]


def test_images_of_which_none_can_be_measured_are_refused(shell, script):
    succeeded(script, unmeasured())

    assert shell(GATE).returncode == 5


def test_an_audit_that_fails_is_not_completed(shell, script):
    script.watches = [([(3, "FAILED")], "end")] * 3

    assert shell(GATE).returncode == 3


def test_a_wrong_policy_ends_the_gate_before_any_call(shell, script, tmp_path):
    (tmp_path / "modicum.yaml").write_text("version: 1\naudit: {treshold: 0.9}\n")

    ended = shell(GATE)

    assert ended.returncode == 2
    assert "modicum.yaml:2:9: unknown key 'treshold'; did you mean 'threshold'?" in ended.stderr
    assert script.calls == {}
