"""`make demo` as a whole, through the real server: one small network fails, another passes, an ensemble is checked."""

import json
import subprocess
import sys

import pytest
import typer
from modicum_server.demo.__main__ import main

TERMINAL_COLUMNS = 80


@pytest.mark.long  # trains four networks and runs four audits
@pytest.mark.acceptance
@pytest.mark.timeout(3600)
def test_the_gate_fails_the_marked_network_and_passes_the_clean_one(short_folder):
    done = subprocess.run(
        [sys.executable, "-m", "modicum_server.demo"], cwd=short_folder, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
    verdicts = {
        name: json.loads((short_folder / f".demo/{name}-verdict.json").read_text()) for name in ("marked", "clean")
    }
    assert {name: one["outcome"] for name, one in verdicts.items()} == {"marked": "FAIL", "clean": "PASS"}
    (rule,) = [one for one in verdicts["marked"]["rules"] if one["id"] == "spot"]
    assert [check["subject"] for check in rule["checks"] if check["outcome"] == "FAIL"] == ["7"]
    assert len(verdicts["marked"]["worst_spot"]["pictures"]) == 4
    for name in (
        "demo-marked-verdict",
        "demo-marked-audit",
        "demo-clean-verdict",
        "demo-clean-audit",
        "demo-ensemble",
        "demo-gallery",
    ):
        assert "<html" in (short_folder / f"{name}.html").read_text()
    (check,) = json.loads((short_folder / ".demo/ensemble.json").read_text())["mitigation"]
    assert len(check["members"]) == 3
    assert check["measures"]["subset_fraction_ratio"]["interval"]["low"] > 1
    ending = done.stdout[done.stdout.index("Done in") :].splitlines()
    assert f"{check['verdict']}: " in done.stdout
    assert 10 <= len(ending) <= 24
    assert max(map(len, ending)) < TERMINAL_COLUMNS


@pytest.mark.parametrize("arguments", [("--model", "lite9"), ("--seed", "-1"), ("--passes", "2")])
def test_options_that_no_command_would_take_are_a_usage_error(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["modicum_server.demo", *arguments])

    with pytest.raises(SystemExit) as ended:
        typer.run(main)

    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
