"""`modicum plan` as a shell sees it: what a policy needs, what that costs, and what is assumed."""

import json

import pytest

from tests.gate.documents import document, image, share, with_rows

POLICY = "version: 1\nrules:\n  spot: off\n  accuracy: {min: 0.8}\n"


@pytest.fixture
def few(shell, tmp_path):  # after the shell, whose policy it replaces
    """A result of 200 images that settles nothing."""
    result = document({"accuracy": share(86, 100)}, passes={"equivalents": 60_000})
    (tmp_path / "few.json").write_text(json.dumps(result), encoding="utf-8")
    (tmp_path / "modicum.yaml").write_text(POLICY, encoding="utf-8")


@pytest.mark.usefixtures("few")
def test_the_plan_says_images_passes_and_minutes_and_every_assumption(shell):
    ended = shell("modicum plan few.json --passes-a-second 100")

    lines = ended.stdout.splitlines()
    assert (ended.returncode, ended.stderr) == (0, "")
    assert lines[0].startswith("modicum.yaml, by few.json: 570 images settle every rule of level error in about 80%")
    assert lines[0].endswith("; 171,000 passes, 28.5 minutes")
    assert lines[1].startswith(
        "more         accuracy (error): 250 images for a PASS in half of such audits, 570 in 80%"
    )
    assert [line for line in lines if line.startswith("assumes: ")] == [
        "assumes: further images are like those of the result",
        "assumes: an image takes 300 passes, controls included, as in the result",
        "assumes: one worker makes 100 passes a second (as given)",
        (
            "assumes: with the first number of images, about half of such audits settle a rule; with 2.28 times as "
            "many, about 80% do"
        ),
    ]


@pytest.mark.usefixtures("few")
def test_the_plan_is_json_too_and_minutes_that_are_unknown_are_null(shell):
    ended = shell("modicum plan few.json --json")

    told = json.loads(ended.stdout)
    (rule,) = told["rules"]
    assert (told["audited"], told["passes_an_image"], told["passes_a_second"]) == (200, 300, None)
    assert (rule["id"], rule["images_for_half"], rule["images_for_four_in_five"]) == ("accuracy", 250, 570)
    assert (rule["passes"], rule["minutes"], rule["enough"]) == (171_000, None, False)


def test_a_rule_that_compares_is_planned_where_its_baseline_can_be_read(shell, tmp_path):
    rule = "baseline: {file: main.json}\nrules:\n  spot: off\n  accuracy: {level: error, max_regression: 0.02}\n"
    (tmp_path / "modicum.yaml").write_text(f"version: 1\n{rule}", encoding="utf-8")
    wrong = {"new.json": {0, 1, 2, 3}, "main.json": {4, 5, 6, 7}}
    for name, places in wrong.items():
        result = with_rows([image(at, predicted=int(at in places)) for at in range(200)])
        (tmp_path / name).write_text(json.dumps(result), encoding="utf-8")

    with_it = shell("modicum plan new.json")
    (tmp_path / "main.json").unlink()
    without = shell("modicum plan new.json")
    assumed = shell("modicum plan")

    assert (with_it.returncode, without.returncode) == (0, 0), with_it.stderr + without.stderr
    assert "more         accuracy (error): " in assumed.stdout
    assert "assumes: the ratio of sizes to the baseline lies halfway between its limit and 1" in assumed.stdout
    assert "more         accuracy (error): 390 images for a PASS in half of such audits" in with_it.stdout
    assert "unknown      accuracy (error): it compares with a baseline" in without.stdout


def test_a_result_that_settles_everything_says_so(shell):
    ended = shell("modicum plan clean.json | head -1; exit ${PIPESTATUS[0]}")

    assert ended.returncode == 0
    assert (
        ended.stdout == "modicum.yaml, by clean.json: the 200 images of the result settle every rule of level error\n"
    )


def test_without_a_result_the_spread_is_assumed_and_minutes_are_said_to_be_unknown(shell):
    ended = shell("modicum plan --class-count 5")

    assert ended.returncode == 0
    assert "assumes: no RESULT was given, so its figures are assumed" in ended.stdout
    assert ended.stdout.splitlines()[-1].startswith("the time is unknown; name an audit of the server")


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("modicum plan v.json", 2, "got a verdict; judge the result that it is about"),
        ("modicum plan absent.json", 2, "absent.json: cannot be read"),
        ("modicum plan part.json", 2, "part.json: expected a whole result document, but it has no 'dataset'"),
        ("modicum plan clean.json --policy absent.yaml", 2, "absent.yaml: cannot be read"),
        ("modicum plan --class-count 0", 2, "'--class-count'"),
        ("modicum plan some-audit", 3, "no Modicum server can be reached"),
        ("modicum plan --model m", 3, "no Modicum server can be reached"),
    ],
)
def test_what_cannot_be_planned_says_why(shell, tmp_path, line, code, says):
    (tmp_path / "v.json").write_text(json.dumps({**document(), "kind": "modicum.verdict"}), encoding="utf-8")
    part = {name: value for name, value in document().items() if name != "dataset"}
    (tmp_path / "part.json").write_text(json.dumps(part), encoding="utf-8")

    ended = shell(line, MODICUM_TIMEOUT_SECONDS="1")

    assert (ended.returncode, ended.stdout) == (code, "")
    assert says in " ".join(ended.stderr.split())
