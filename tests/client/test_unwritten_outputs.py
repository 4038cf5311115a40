"""Outputs that cannot be written: an error where the verdict is a PASS, and never in place of another verdict.

A pipeline may run again what was not completed (exit code 3), so a FAIL must not become that.
"""

import json

import pytest
from modicum.v1 import audit_service_pb2

from tests.client.scripted_results import succeeded
from tests.client.test_gate_command import GATE, SPOTS
from tests.client.test_mitigation_results import CHECK
from tests.gate.documents import document

FULL = "ln -s /dev/full full.json; ln -s /dev/full full.html;"
NOT_WRITTEN = "could not be written: No space left on device"
VERDICTS = pytest.mark.parametrize(("name", "code"), [("planted", 1), ("open", 4), ("clean", 3)])


def measured(script, name):
    """Let the scripted audit succeed with such spots, and with a report."""
    written = succeeded(script, document(spots=SPOTS[name], level=0.99, seed=7))
    script.reports = {
        audit_service_pb2.REPORT_FORMAT_JSON: written,
        audit_service_pb2.REPORT_FORMAT_HTML: b"<!doctype html>",
    }


@pytest.mark.long_after(1)
@VERDICTS
def test_a_verdict_that_is_not_written_takes_the_place_of_a_pass_alone(gate_shell, script, tmp_path, name, code):
    measured(script, name)

    ended = gate_shell(f"{FULL} {GATE} --output full.json --output verdict.md --output full.html")

    assert ended.returncode == code, ended.stderr
    for file in ("full.json", "full.html"):
        assert f"output {file}: {NOT_WRITTEN}" in ended.stderr
    assert "wrote verdict.md" in ended.stdout
    assert "wrote full" not in ended.stdout
    assert (tmp_path / "verdict.md").read_text()


@pytest.mark.long_after(1)
@VERDICTS
def test_a_result_that_is_not_written_takes_the_place_of_a_pass_alone(gate_shell, script, tmp_path, name, code):
    measured(script, name)

    ended = gate_shell(f"{FULL} {GATE} --result full.html --result result.json --output verdict.json")

    assert ended.returncode == code, ended.stderr
    assert f"output full.html: {NOT_WRITTEN}" in ended.stderr
    assert json.loads((tmp_path / "verdict.json").read_text())["outcome"]
    assert (tmp_path / "result.json").exists()


@pytest.mark.long
def test_with_exit_zero_what_is_not_written_is_an_error_whatever_the_verdict(gate_shell, script):
    measured(script, "planted")

    assert gate_shell(f"{FULL} {GATE} --exit-zero --output full.json").returncode == 3


def test_a_pass_that_is_not_written_is_not_stored(gate_shell, script):
    measured(script, "clean")

    assert gate_shell(f"{FULL} {GATE} --save --output full.json").returncode == 3
    assert script.calls["JudgeAudit"] == []


def test_a_stored_result_that_fails_ends_so_where_the_verdict_is_not_written(gate_shell, script):
    measured(script, "planted")

    ended = gate_shell(f"{FULL} modicum judge a --output full.json")

    assert ended.returncode == 1
    assert f"output full.json: {NOT_WRITTEN}" in ended.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("verdict", "code"), [("NOT_MITIGATED", 1), ("INCONCLUSIVE", 4), ("MITIGATED", 3)])
def test_the_verdict_on_an_ensemble_ends_so_where_the_report_is_not_written(gate_shell, script, verdict, code):
    succeeded(script, {"mitigation": [{**CHECK, "verdict": verdict}]})
    script.reports = {audit_service_pb2.REPORT_FORMAT_HTML: b"<!doctype html>"}

    ended = gate_shell(f"{FULL} modicum ensemble check photos --member a --member b --quiet --output full.html")

    assert ended.returncode == code, ended.stderr
    assert f"output full.html: {NOT_WRITTEN}" in ended.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("name", "code"), [("planted", 1), ("open", 4), ("clean", 0)])
@pytest.mark.parametrize("where", ["2>/dev/full", ">/dev/full 2>/dev/full"])
def test_a_full_disk_under_the_messages_leaves_the_exit_code_as_it_is(gate_shell, tmp_path, name, code, where):
    (tmp_path / "result.json").write_text(json.dumps(document(spots=SPOTS[name], level=0.99, seed=7)))

    assert gate_shell(f"modicum judge result.json --policy modicum.yaml {where}").returncode == code


@pytest.mark.long_after(1)
@pytest.mark.parametrize("line", ["modicum judge absent.json", "modicum judge --no-such-option"])
def test_a_usage_error_that_nobody_can_read_is_still_one(gate_shell, line):
    assert gate_shell(f"{line} >/dev/full 2>/dev/full").returncode == 2
