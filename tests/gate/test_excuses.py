"""Waivers and accepted places that excuse nothing, and what `policy check` warns of before anything is judged."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from modicum.gate.rendering.forms import FORMS
from modicum.gate.rendering.terminal import terminal_lines

from tests.gate.documents import CLEAN, DOCUMENTS, document, image, place, row, share, verdict, with_rows

PLANTED = DOCUMENTS["planted"]
CANVAS = {"canvas": {"channels": 3, "height": 32, "width": 32}}


def waiver(rest, rule="spot"):
    return f"waivers:\n  - {{rule: {rule}, {rest}reason: ticket 12, owner: us, expires: 2026-12-31}}\n"


def accept(label, top):
    box = f"{{top: {top}, left: 0, height: 20, width: 20}}"
    return f"accept:\n  - {{rule: spot, class: {label}, place: {box}, reason: the lesion, owner: us}}\n"


def on_canvas(of):
    return {**of, "specification": {**of["specification"], **CANVAS}}


@pytest.mark.parametrize(
    ("policy", "says"),
    [
        pytest.param(
            waiver("class: cta, "),
            "the waiver of spot for class cta by us excuses nothing: the result has no class cta (did you mean 'cat'?)",
            id="a class that the result does not have",
        ),
        pytest.param(
            waiver("class: dog, "),
            "the waiver of spot for class dog by us excuses nothing: the check that it excuses does not fail",
            id="a class that does not fail",
        ),
        pytest.param(
            waiver("", rule="accuracy"),
            "the waiver of accuracy by us excuses nothing: no rule accuracy was judged",
            id="a rule that the policy does not have",
        ),
        pytest.param(
            accept("cta", 0),
            "the accept of spot for class cta by us excuses nothing: the result has no class cta (did you mean 'cat'?)",
            id="a place of a class that the result does not have",
        ),
        pytest.param(
            accept("cat", 40),
            "the accept of spot for class cat by us excuses nothing: its place lies outside the canvas of 32x32 pixels",
            id="a place outside the canvas",
        ),
        pytest.param(
            accept("cat", 9),
            (
                "the accept of spot for class cat by us excuses nothing: no place that was tested for class cat lies "
                "inside it"
            ),
            id="a place with nothing inside",
        ),
        pytest.param(
            "accept:\n  - {rule: spot, class: cat, place: moving, reason: the lesion, owner: us}\n",
            (
                "the accept of spot for class cat by us excuses nothing: no place that was chosen for each picture "
                "was tested for class cat"
            ),
            id="a moving place where none was tested",
        ),
    ],
)
def test_what_excuses_nothing_is_named_with_the_reason_in_every_output(policy, says):
    given = verdict(policy, on_canvas(PLANTED))

    told = given.as_json()
    assert given.outcome == "FAIL"
    assert given.notes == (f"modicum.yaml:3:5: {says}; correct or remove it",)
    assert f"note: {given.notes[0]}" in terminal_lines(told)
    for form in (".json", ".xml", ".sarif", ".md", ".html", ".codequality.json"):
        assert "by us excuses nothing" in FORMS[form](told).decode(), form


def test_of_a_box_that_holds_no_place_that_moves_the_verdict_says_what_would():
    moving = document(spots=(*CLEAN[:1], row(0, place((24, 0), own=True), label="cat"), CLEAN[2]))

    (note,) = verdict(accept("cat", 0), on_canvas(moving)).notes

    assert note.endswith(
        "lies inside it (one that is chosen for each picture lies in no box; `place: moving` accepts it); "
        "correct or remove it"
    )


def test_what_excuses_something_is_not_named_so():
    waived, accepted = (verdict(one, on_canvas(PLANTED)) for one in (waiver("class: cat, "), accept("cat", 0)))

    assert (waived.outcome, accepted.outcome) == ("PASS", "PASS")
    assert not [note for note in (*waived.notes, *accepted.notes) if "excuses nothing" in note]


def test_of_two_waivers_of_one_failure_the_second_excuses_nothing():
    both = waiver("class: cat, ") + waiver("").removeprefix("waivers:\n")

    given = verdict(both, PLANTED)

    assert given.notes[-1].startswith("modicum.yaml:4:5: the waiver of spot by us excuses nothing")


def test_a_waiver_of_a_class_covers_that_class_of_a_measure():
    groups = {"0": share(10, 100), "1": share(95, 100)}
    measured = document({"accuracy": share(105, 200) | {"groups": groups}})
    policy = "rules:\n  spot: off\n  accuracy: {min: 0.8, classes: [cat, dog]}\n"

    given = verdict(policy + waiver("class: cat, ", rule="accuracy"), measured)

    assert [str(check.outcome) for check in given.rules[0].checks] == ["WAIVED", "PASS"]


def today_and(days):
    return datetime.now(UTC).date() + timedelta(days=days)


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("days", "says"),
    [
        (-1, "the waiver of spot for class cat by us expired on"),
        (0, "the waiver of spot for class cat by us expires on"),
        (14, "the waiver of spot for class cat by us expires on"),
        (15, ""),
    ],
)
def test_policy_check_warns_of_waivers_that_have_expired_or_soon_will(shell, tmp_path, days, says):
    entry = waiver("class: cat, ").replace("2026-12-31", str(today_and(days)))
    (tmp_path / "modicum.yaml").write_text(f"version: 1\n{entry}", encoding="utf-8")

    checked, as_json = shell("modicum policy check"), shell("modicum policy check --json")

    assert (checked.returncode, as_json.returncode) == (0, 0)
    assert (f"warning: modicum.yaml:3:5: {says}" in checked.stderr) == bool(says)
    assert len(json.loads(as_json.stdout)["warnings"]) == bool(says)


def baseline(tmp_path, content):
    (tmp_path / "modicum.yaml").write_text("version: 1\nbaseline: {file: main.json}\n", encoding="utf-8")
    if content is not None:
        (tmp_path / "main.json").write_text(content, encoding="utf-8")


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(None, "warning: the baseline main.json does not exist; `modicum baseline update", id="absent"),
        pytest.param("{", "warning: main.json: expected a baseline in JSON", id="half a file"),
        pytest.param(json.dumps(document()), "warning: the baseline has no rows", id="without rows"),
        pytest.param('{"kind": "modicum.baseline", "schema_version": 1}', "it has no 'digest'", id="a part"),
        pytest.param(json.dumps(with_rows([image(0)])), "", id="whole"),
    ],
)
def test_policy_check_looks_for_the_file_of_the_baseline(shell, tmp_path, content, says):
    baseline(tmp_path, content)

    checked = shell("modicum policy check")

    assert checked.returncode == 0
    assert (says in checked.stderr) if says else checked.stderr == ""
