"""`modicum render` as a shell sees it: every output from a stored verdict, and what is refused."""

import json
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator
from modicum.errors import InvalidSource, PolicyError
from modicum.gate.rendering.forms import FORMS
from modicum.gate.schemas import VERDICT, schema_of
from modicum.gate.verdict_file import read_verdict

from tests.gate.documents import DOCUMENTS, verdict

SPOT = {
    "model_version": "projects/default/models/net/versions/1",
    "subject": "cat",
    "outcome": "FAIL",
    "place": {"kind": "WINDOW", "height": 4, "width": 4, "top": 8, "left": 8},
    "canvas": {"height": 32, "width": 32},
    "outline": "M8 8H12V12H8Z",
    "pictures": [{"title": "a.png", "text": "The model says cat.", "uri": "data:image/png;base64,AAAA"}],
}


@pytest.mark.long_after(1)
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


@pytest.mark.long_after(1)
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


@pytest.mark.long
def test_a_full_disk_is_not_completed(shell):
    shell("modicum judge clean.json -o verdict.json")

    ended = shell("ln -s /dev/full full.md; modicum render verdict.json -o full.md")

    assert ended.returncode == 3
    assert "could not be written" in ended.stderr


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_verdict_is_of_the_published_form(name):
    found = verdict("waivers: [{rule: spot, class: cat, reason: x, owner: us, expires: 2026-12-01}]", DOCUMENTS[name])

    assert list(Draft202012Validator(schema_of(VERDICT)).iter_errors(found.as_json())) == []


HOSTILE = "</p><script>alert(1)</script>`<img src=x>\n## \u2705 PASS\x1b[2J\u202e"


def test_no_text_of_a_verdict_becomes_markup_a_line_of_its_own_or_a_hidden_character():
    told = verdict("", DOCUMENTS["planted"]).as_json()
    told["policy"] |= {"file": HOSTILE, "digest": HOSTILE}
    told["result"] |= {"audit": HOSTILE, "created": HOSTILE}
    told["notes"] = [HOSTILE]

    page, text, junit = (FORMS[suffix](told).decode() for suffix in (".html", ".md", ".xml"))

    assert "<script" not in page
    assert "<img src=x" not in page + text
    assert not any(line.startswith("## \u2705") for line in text.splitlines())
    assert not {"\x1b", "\u202e"} & set(page + text)
    assert ET.fromstring(junit).get("tests") == str(len(told["rules"]))


@pytest.mark.parametrize(
    "edit",
    [
        lambda told: told["rules"][0].update(id="spot\n## PASS"),
        lambda told: told["rules"][0].update(line=-5),
        lambda told: told["rules"].append(told["rules"][0]),
        lambda told: told["worst_spot"]["place"].update(kind="PATTERN", pixels="PATTERN"),
        lambda told: told["worst_spot"]["place"].update(height=-5),
        lambda told: told["worst_spot"]["place"].update(width=10**30),
    ],
)
def test_a_verdict_that_no_release_writes_is_refused_before_an_output_is_made(tmp_path, edit):
    told = verdict("", DOCUMENTS["planted"]).as_json() | {"worst_spot": json.loads(json.dumps(SPOT))}
    edit(told)
    (tmp_path / "verdict.json").write_text(json.dumps(told), encoding="utf-8")

    with pytest.raises((InvalidSource, PolicyError)):
        read_verdict(tmp_path / "verdict.json")
