"""The shipped rules: promtool accepts them, their own tests pass, and every alert says what to do."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from modicum_server.settings import Settings

from tests import machine
from tests.metrics.prometheus_running import REPOSITORY, RULES

FOLDER = RULES.parent
PAGE = (REPOSITORY / "docs" / "how-to" / "answer-alerts.md").read_text()
TESTED = yaml.safe_load((RULES.parent / "rules_test.yml").read_text())
TESTS = TESTED["tests"]
ALERTS = [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"] if "alert" in rule]


def promtool(*words: str, folder: Path = FOLDER) -> "subprocess.CompletedProcess[str]":
    program = machine.program("promtool", package="prometheus")
    return subprocess.run([program, *words], cwd=folder, capture_output=True, text=True, check=False)


def test_promtool_accepts_the_rules():
    done = promtool("check", "rules", "--lint-fatal", RULES.name)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_promtool_sees_the_rules_do_what_their_tests_say():
    done = promtool("test", "rules", "rules_test.yml")

    assert done.returncode == 0, done.stdout + done.stderr


def test_promtool_accepts_the_scrape_configuration(tmp_path):
    for file in ("prometheus.yml", "rules.yml"):
        (tmp_path / file).write_text((FOLDER / file).read_text())
    (tmp_path / "token").write_text("a token")

    done = promtool("check", "config", "prometheus.yml", folder=tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.long
def test_the_tests_of_the_rules_would_notice_an_alert_that_never_fires(tmp_path):
    of_leases = [one for one in TESTS if "_leases_overdue" in str(one["input_series"])]
    (tmp_path / "rules_test.yml").write_text(yaml.safe_dump({**TESTED, "tests": of_leases}))
    (tmp_path / "rules.yml").write_text(RULES.read_text())
    assert promtool("test", "rules", "rules_test.yml", folder=tmp_path).returncode == 0

    (tmp_path / "rules.yml").write_text(RULES.read_text().replace("_leases_overdue", "_leases_forgotten"))

    assert promtool("test", "rules", "rules_test.yml", folder=tmp_path).returncode != 0


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_is_seen_to_fire(alert):
    fired = {
        expected["alertname"]
        for test in TESTS
        for expected in test.get("alert_rule_test", [])
        if expected["exp_alerts"]
    }

    assert alert["alert"] in fired


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_links_to_its_instructions(alert):
    file, _, anchor = alert["annotations"]["runbook"].partition("#")

    assert file == "docs/how-to/answer-alerts.md"
    assert anchor == alert["alert"].lower()
    assert re.search(rf"^\#\# {alert['alert']}\n\n\S.{{40,}}", PAGE, re.MULTILINE)
    assert alert["labels"]["severity"] in {"page", "ticket"}


def test_the_scrape_configuration_knows_the_ports_of_the_service():
    jobs: dict[str, Any] = {
        job["job_name"]: job for job in yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
    }
    defaults = {name: field.default for name, field in Settings.model_fields.items()}

    assert jobs["modicum-api"]["static_configs"][0]["targets"] == [f"api:{defaults['http_port']}"]
    assert jobs["modicum-worker"]["dns_sd_configs"][0]["port"] == defaults["worker_metrics_port"]
