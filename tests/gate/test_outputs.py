"""Outputs of a verdict: each is of its form, and says the same."""

import json
from xml.etree import ElementTree as ET

import pytest
from modicum.gate.rendering.forms import FORMS
from modicum.gate.rendering.terminal import LINE_COLUMNS, MOST_LINES, terminal_lines
from modicum.gate.rendering.words import figure, rule_line
from modicum.wrapping import rows_of

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


def test_a_rule_of_the_preset_is_shown_at_the_line_that_names_the_preset():
    failed = verdict("error_budget: 0.01\npreset: recommended\n", document(MEASURES, spots=SPOTS)).as_json()

    spot = json.loads(FORMS[".sarif"](failed))["runs"][0]["results"][0]

    assert spot["ruleId"] == "spot"
    assert spot["locations"][0]["physicalLocation"]["region"]["startLine"] == 3


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


@pytest.mark.parametrize("form", ["terminal", ".md"])
def test_no_name_writes_a_line_of_its_own_or_moves_the_cursor(form):
    label = "cat\n::error::FAIL\x1b[31m\u202e"
    rows = (CLEAN[0], row(0, place((20, 0)), label=label), CLEAN[2])
    given = verdict("", document(spots=rows)).as_json()

    lines = terminal_lines(given) if form == "terminal" else FORMS[form](given).decode().splitlines()

    assert all(line.isprintable() for line in lines)
    assert not any(line.startswith("::error") for line in lines)
    assert any("::error::FAIL" in line for line in lines)


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
        ("note", "info"),
        ("note", "info"),
    ]
    assert issues == json.loads(FORMS[".codequality.json"](judged))
    assert 'modicum_verdict{outcome="FAIL"} 1' in lines
    assert 'modicum_rule_value{rule="accuracy",version="projects/default/models/m/versions/1",subject=""} 0.85' in lines


def test_an_expired_waiver_is_in_every_output(judged):
    text = "w.yaml:1:1: the waiver of spot by us expired on 2026-01-01"
    expired = {**judged, "expired_waivers": [text]}

    for form in (".xml", ".sarif", ".md", ".html", ".codequality.json"):
        assert "the waiver of spot by us expired" in FORMS[form](expired).decode(), form


def measured(value, unit, ends=None, *, level=0.95, n=60, **more):
    """A check of a class as a verdict's document has it."""
    interval = ends and {"low": ends[0], "high": ends[1], "level": level}
    told = {"subject": "7", "about": "class 7", "value": value, "unit": unit, "n": n, "interval": interval}
    return {**told, "reason": "", "waived": "", "limits": {}, "outcome": "FAIL", "model_version": "m/1"} | more


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (
            measured(0.34, "share", (0.28, 0.41), limits={"at_most": 0.1}),
            "class 7: 34% (28% to 41%), limit at most 10%, n = 60",
        ),
        (
            measured(-0.034, "difference", (-0.12, 0.05), limits={"at_least": -0.025}),
            "class 7: -3.4 points (-12 to 5.0), limit at least -2.5 points, n = 60",
        ),
        (
            measured(0.34, "difference", (0.2, 0.4), limits={"at_most": 0.1, "passes_below": 0.2}),
            "class 7: 34 points (20 to 40), fails if shown above 10 points, passes if shown below 20 points, n = 60",
        ),
        (
            measured(0.5, "ratio", (0.45, None), limits={"at_least": 0.8}),
            "class 7: a ratio of 0.50 (0.45 to open), limit at least 0.8, n = 60",
        ),
        (
            measured(0.02, "pixels share", (0.01, 0.05), level=0.99, limits={"at_least": 0.05}),
            "class 7: 2.0% of the pixels (99% interval 1.0% to 5.0%), limit at least 5% of the pixels, n = 60",
        ),
        (
            measured(12, "pixels", (9, 15), limits={"at_least": 2, "at_most": 20}),
            "class 7: 12 pixels (9 to 15), limit at least 2 pixels, at most 20 pixels, n = 60",
        ),
        (measured(12, "pixels", n=9), "class 7: 12 pixels (no interval below n = 10), n = 9"),
        (measured(0.62, "confidence", (0.6, 0.7)), "class 7: a confidence of 0.62 (0.60 to 0.70), n = 60"),
        (measured(None, "", about="class 7"), "class 7"),
    ],
)
def test_a_number_names_its_class_its_unit_its_interval_and_its_limit(check, words):
    assert figure(check) == words


def test_every_output_has_the_line_of_a_class():
    found = row(0, place((12, 8)), label="7")
    found["places"][0]["measures"]["spot_pasted_difference"]["interval"] = {"low": 0.36, "high": 0.81, "level": 0.95}
    told = verdict("", document(spots=(CLEAN[0], found, CLEAN[2]))).as_json()
    line = "class 7: 60 points (36 to 81), fails if shown above 10 points, passes if shown below 20 points, n = 20"

    for form in (".xml", ".sarif", ".md", ".html", ".codequality.json"):
        assert line in FORMS[form](told).decode(), form
    assert line in "\n".join(terminal_lines(told))


def test_a_verdict_without_words_for_its_limits_still_says_what_passes(judged):
    accuracy = next(rule for rule in judged["rules"] if rule["id"] == "accuracy")
    older = {name: value for name, value in accuracy["checks"][0].items() if name not in {"limits", "about"}}

    line = rule_line({**accuracy, "checks": [older]})

    assert line == "85%, n = 100; the evidence lies on both sides of the limit; passes with at least 0.8"


def test_the_terminal_shows_ten_rows_at_most_and_the_summary_first(judged):
    many = {**judged, "notes": [*judged["excused"], *(f"note {number}" for number in range(30))]}

    assert terminal_lines(judged)[0] == "FAIL: spot (1 of 2 rules of level error)"
    assert terminal_lines(judged)[1].startswith("FAIL         spot (error): class <cat>")
    assert sum(rows_of(line, LINE_COLUMNS) for line in terminal_lines(many)) == MOST_LINES
    assert terminal_lines(many)[-1] == "and 30 more lines: write them with --output FILE.md"


def test_a_line_names_the_classes_for_which_its_rule_fails_too():
    spots = (CLEAN[0], *(row(at, place((20, 0)), label=f"c{at}") for at in range(8)))

    (rule,) = (one for one in verdict("", document(spots=spots)).as_json()["rules"] if one["id"] == "spot")

    assert rule_line(rule).endswith("; it also fails for class c1, class c2, class c3, class c4, class c5 and 2 more")


def test_a_line_names_no_other_class_where_one_alone_fails(judged):
    (rule,) = (one for one in judged["rules"] if one["id"] == "spot")

    assert "also fails" not in rule_line(rule)
