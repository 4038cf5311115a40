"""`modicum render` as a shell sees it: every output from a stored verdict, and what is refused."""

import json

import pytest
from jsonschema import Draft202012Validator
from modicum.gate.rendering.forms import FORMS
from modicum.gate.schemas import VERDICT, schema_of

from tests.gate.documents import DOCUMENTS, verdict


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_stored_verdict_gives_the_same_outputs_as_the_command_that_judged(shell, tmp_path, name):
    first = " ".join(f"--output judged{suffix}" for suffix in FORMS)
    later = " ".join(f"-o rendered{suffix}" for suffix in FORMS)
    judged = shell(f"modicum judge {name}.json {first}")

    rendered = shell(f"modicum render judged.json {later}")

    assert (rendered.returncode, rendered.stderr) == (0, "")
    assert rendered.stdout.splitlines()[0] == judged.stdout.splitlines()[0]
    for suffix in FORMS:
        assert (tmp_path / f"rendered{suffix}").read_bytes() == (tmp_path / f"judged{suffix}").read_bytes(), suffix


def test_a_verdict_is_printed_again_also_as_json(shell, tmp_path):
    shell("modicum judge planted.json -o verdict.json")

    printed = shell("modicum render verdict.json --json | cat; exit ${PIPESTATUS[0]}")

    assert printed.returncode == 0
    assert json.loads(printed.stdout) == json.loads((tmp_path / "verdict.json").read_text())


@pytest.mark.long_after(3)
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("modicum render clean.json", "got a result document; judge it with `modicum judge`"),
        ("modicum render absent.json", "absent.json: cannot be read: No such file or directory"),
        ("modicum render half.json", "half.json: expected a verdict in JSON"),
        ("modicum render other.json", "other.json: expected a verdict, as `modicum gate` and `modicum judge` write it"),
        ("modicum render newer.json", "newer.json: expected a verdict of schema version 1, got 2"),
        ("modicum render list.json", "list.json: expected a verdict, got list"),
        (
            "modicum render part.json",
            "part.json: expected a whole verdict, but it has no 'rules'; the file is damaged or was edited",
        ),
        (
            "modicum render odd.json",
            "but outcome is not one of PASS, FAIL, INCONCLUSIVE: got the text 'MAYBE'",
        ),
        (
            "modicum render edited.json",
            "edited.json: the verdict contradicts itself: the outcome is FAIL, but",
        ),
        ("modicum render verdict.json -o v.pdf", "expected a file ending in .codequality.json or"),
        ("modicum render verdict.json -o absent/v.md", "its folder does not exist"),
    ],
)
def test_what_is_no_verdict_or_no_output_ends_with_2_and_says_why(shell, tmp_path, line, says):
    whole = verdict("", DOCUMENTS["clean"]).as_json()
    part = {name: value for name, value in whole.items() if name != "rules"}
    files = {"verdict": whole, "part": part, "odd": {**whole, "outcome": "MAYBE"}, "list": [], "other": {}}
    others = {"newer": {**whole, "schema_version": 2}, "edited": {**whole, "outcome": "FAIL"}}
    for name, value in {**files, **others}.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(value), encoding="utf-8")
    (tmp_path / "half.json").write_text('{"a": ', encoding="utf-8")

    ended = shell(line)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert says in ended.stderr


def test_a_full_disk_is_not_completed(shell):
    shell("modicum judge clean.json -o verdict.json")

    ended = shell("ln -s /dev/full full.md; modicum render verdict.json -o full.md")

    assert ended.returncode == 3
    assert "could not be written" in ended.stderr


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_verdict_is_of_the_published_form(name):
    found = verdict("waivers: [{rule: spot, class: cat, reason: x, owner: us, expires: 2026-12-01}]", DOCUMENTS[name])

    assert list(Draft202012Validator(schema_of(VERDICT)).iter_errors(found.as_json())) == []
