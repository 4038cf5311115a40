"""Outputs of a verdict: each is of its form, and says the same."""

import json
from xml.etree import ElementTree as ET

import pytest
from modicum.gate.rendering.forms import FORMS
from modicum.gate.rendering.terminal import MOST_LINES, terminal_lines

from tests.gate.documents import CLEAN, document, place, row, share, verdict

POLICY = """rules:
  accuracy: {min: 0.8}
  eligible-share: {level: warn, min: 0.9}
waivers:
  - {rule: spot, class: dog, reason: ticket 12, owner: us, expires: 2026-12-01}
"""
SPOTS = (CLEAN[0], row(0, place((20, 0)), label="<cat> & | `x`\x01"), row(1, place((20, 0)), label="dog"))
MEASURES = {"accuracy": share(85, 100), "eligible_share": share(10, 100)}


@pytest.fixture(scope="module")
def judged():
    """A verdict that fails by spot; accuracy is inconclusive, eligible-share a warning, and dog waived."""
    return verdict(POLICY, document(MEASURES, spots=SPOTS)).as_json()


def test_a_verdict_is_json_without_loss(judged):
    assert json.loads(FORMS[".json"](judged)) == judged
    assert (judged["kind"], judged["outcome"]) == ("modicum.verdict", "FAIL")


def test_junit_has_a_case_a_rule_in_which_inconclusive_is_an_error_and_a_warning_passes(judged):
    root = ET.fromstring(FORMS[".xml"](judged))

    cases = {case.get("name"): [one.tag for one in case] for case in root.iter("testcase")}
    assert cases == {"spot": ["failure"], "accuracy": ["error"], "eligible-share": ["system-out"]}
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")


def test_sarif_has_a_result_for_each_rule_that_does_not_pass_at_its_line_of_the_policy(judged):
    told = json.loads(FORMS[".sarif"](judged))

    (run,) = told["runs"]
    known = {rule["id"] for rule in run["tool"]["driver"]["rules"]}
    found = [(one["ruleId"], one["level"]) for one in run["results"]]
    lines = [one["locations"][0]["physicalLocation"]["region"]["startLine"] for one in run["results"]]
    assert told["version"] == "2.1.0"
    assert found == [("spot", "error"), ("eligible-share", "warning"), ("accuracy", "warning")]
    assert lines == [1, 4, 3]
    assert {name for name, _ in found} <= known


def test_sarif_suppresses_what_is_waived():
    waived = verdict(POLICY, document(MEASURES, spots=(CLEAN[0], CLEAN[1], SPOTS[2]))).as_json()

    spot = json.loads(FORMS[".sarif"](waived))["runs"][0]["results"][0]

    assert (spot["level"], spot["suppressions"][0]["kind"]) == ("note", "external")
    assert "ticket 12" in spot["suppressions"][0]["justification"]


def test_markdown_begins_with_the_summary_and_lets_no_name_break_its_table(judged):
    text = FORMS[".md"](judged).decode()

    assert text.startswith("## ❌ FAIL: spot (1 of 2 rules of level error)")
    assert "&lt;cat> &amp; \\| \\`x\\`" in text
    assert "waived by us until 2026-12-01" in text


def test_the_page_escapes_names(judged):
    text = FORMS[".html"](judged).decode()

    assert "&lt;cat&gt; &amp; | `x`" in text
    assert "<cat>" not in text


def test_gitlab_gets_issues_with_steady_fingerprints_and_numbers(judged):
    issues = json.loads(FORMS[".codequality.json"](judged))
    lines = FORMS[".metrics.txt"](judged).decode().splitlines()

    assert [(one["check_name"], one["severity"]) for one in issues] == [
        ("spot", "blocker"),
        ("eligible-share", "minor"),
        ("accuracy", "major"),
    ]
    assert issues == json.loads(FORMS[".codequality.json"](judged))
    assert 'modicum_verdict{outcome="FAIL"} 1' in lines
    assert 'modicum_rule_value{rule="accuracy",version="projects/default/models/m/versions/1",subject=""} 0.85' in lines


def test_an_expired_waiver_is_in_every_output(judged):
    text = "w.yaml:1:1: the waiver of spot by us expired on 2026-01-01"
    expired = {**judged, "expired_waivers": [text]}

    for form in (".xml", ".sarif", ".md", ".html", ".codequality.json"):
        assert "the waiver of spot by us expired" in FORMS[form](expired).decode(), form


def test_the_terminal_shows_ten_lines_at_most_and_the_summary_first(judged):
    many = {**judged, "notes": [f"note {number}" for number in range(30)]}

    assert terminal_lines(judged)[0] == "FAIL: spot (1 of 2 rules of level error)"
    assert terminal_lines(judged)[1].startswith("FAIL         spot (error): <cat>")
    assert len(terminal_lines(many)) == MOST_LINES
    assert terminal_lines(many)[-1] == "and 26 more lines: write them with --output FILE.md"
