"""`modicum baseline update` as a shell sees it: what becomes a baseline, and which digest a verdict names."""

import json

import pytest
from modicum.gate.baseline_file import baseline_side

from tests.gate.documents import image, with_rows
from tests.readers import READERS

POLICY = """version: 1
baseline: {file: main.json}
rules:
  spot: off
  accuracy: {level: error, min: 0.8}
  subset-fraction: {level: error, min_ratio_to_baseline: 0.8}
"""


def result(*, factors=(1.0,), wrong=0, **more):
    sizes = [(20 + at % 9) * factors[at % len(factors)] for at in range(100)]
    return with_rows([image(at, size=size, predicted=int(at < wrong)) for at, size in enumerate(sizes)], **more)


RESULTS = {
    "same": result(),
    "larger": result(factors=(2.0,)),
    "smaller": result(factors=(0.4,)),
    "a-little-smaller": result(factors=(0.55, 1.2)),
    "wrong": result(wrong=60),
    "unclear": result(wrong=20),
    "elsewhere": result(device="cuda"),
}


@pytest.fixture
def update(shell, tmp_path):
    """Runs `modicum baseline update` on a result, with the first baseline in place unless told otherwise."""
    (tmp_path / "modicum.yaml").write_text(POLICY)
    for name, one in RESULTS.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(one))
    assert shell("modicum baseline update same.json --reason 'the first'").returncode == 0

    def run(line, reader="%s"):
        return shell(reader % f"modicum baseline update {line}")

    return run


def kept(tmp_path):
    return json.loads((tmp_path / "main.json").read_text())


def test_the_first_baseline_needs_a_reason_and_a_verdict_names_its_digest(update, shell, tmp_path):
    first = kept(tmp_path)
    (tmp_path / "main.json").unlink()

    without = update("same.json")
    written = update("same.json --reason 'the first'")
    judged = shell("modicum judge larger.json --output v.json")

    assert (without.returncode, written.returncode, judged.returncode) == (2, 0, 0)
    assert "main.json: there is no earlier baseline to compare with; say with --reason TEXT" in without.stderr
    assert written.stdout == f"wrote main.json, sha256:{first['digest']}\n"
    assert f"note: the baseline is projects/default/audits/a, sha256:{first['digest']}" in judged.stdout
    assert json.loads((tmp_path / "v.json").read_text())["result"]["baseline"]["digest"] == first["digest"]
    assert kept(tmp_path)["reason"] == "the first"


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        pytest.param("larger.json", 0, "", id="all rules pass"),
        pytest.param("smaller.json", 1, "subset-fraction is FAIL", id="the comparison fails"),
        pytest.param("smaller.json --reason no", 1, "subset-fraction is FAIL", id="a reason excuses no failure"),
        pytest.param("a-little-smaller.json --reason no", 4, "subset-fraction is INCONCLUSIVE", id="nor an open one"),
        pytest.param("wrong.json --reason no", 1, "accuracy is FAIL", id="another rule fails"),
        pytest.param("unclear.json --reason no", 4, "accuracy is INCONCLUSIVE", id="another rule is open"),
        pytest.param(
            "elsewhere.json", 2, "measured differently: device differs; say with --reason", id="not comparable"
        ),
        pytest.param("elsewhere.json --reason 'new machine'", 0, "", id="not comparable, with a reason"),
    ],
)
def test_only_a_result_that_passes_becomes_the_baseline(update, tmp_path, line, code, says):
    before = kept(tmp_path)

    ended = update(line)

    assert ended.returncode == code, ended.stderr
    assert says in ended.stderr
    expected = baseline_side(RESULTS[line.split(".")[0]]).digest if code == 0 else before["digest"]
    assert kept(tmp_path)["digest"] == expected


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.long
def test_what_became_of_the_baseline_is_the_exit_code_whatever_reads_it(update, tmp_path, reader):
    lines = {"larger.json": 0, "smaller.json": 1, "a-little-smaller.json --reason no": 4, "elsewhere.json": 2}

    for line, code in lines.items():
        ended = update(line, reader)
        assert ended.returncode == code, ended.stderr
        (tmp_path / "main.json").write_text(json.dumps(RESULTS["same"]))


def test_a_baseline_file_and_the_report_that_it_was_made_of_give_one_verdict(update, shell, tmp_path):
    by_file = json.loads(shell("modicum judge larger.json --json").stdout)
    (tmp_path / "main.json").write_text(json.dumps(RESULTS["same"]))

    assert json.loads(shell("modicum judge larger.json --json").stdout) == by_file


def another_size(baseline):
    baseline["searches"][0]["images"][0][4] = 1.0


def another_reason(baseline):
    baseline["reason"] = "it was approved"


def another_key(baseline):
    baseline["approved_by"] = "us"


@pytest.mark.long_after(1)
@pytest.mark.parametrize("edit", [another_size, another_reason, another_key])
def test_a_baseline_that_was_edited_is_refused(update, shell, tmp_path, edit):
    edited = kept(tmp_path)
    edit(edited)
    (tmp_path / "main.json").write_text(json.dumps(edited))

    ended = shell("modicum judge larger.json")

    assert ended.returncode == 2
    assert "main.json: the baseline was changed after it was written" in ended.stderr


@pytest.mark.long
def test_what_is_of_another_version_of_its_form_is_named(update, shell, tmp_path):
    (tmp_path / "newer.json").write_text(json.dumps({**RESULTS["same"], "schema_version": 99}))
    result = shell("modicum judge newer.json")
    (tmp_path / "main.json").write_text(json.dumps({**kept(tmp_path), "schema_version": 2}))
    baseline = shell("modicum judge larger.json")

    assert (result.returncode, baseline.returncode) == (2, 2)
    assert "newer.json: expected a result document of schema version" in result.stderr
    assert "main.json: the baseline: expected schema version 1, got 2" in baseline.stderr


@pytest.mark.long
def test_a_baseline_of_an_older_release_has_no_digest_of_its_file(update, shell, tmp_path):
    older = {name: value for name, value in kept(tmp_path).items() if name != "file_digest"}
    (tmp_path / "main.json").write_text(json.dumps(older))

    assert shell("modicum judge larger.json").returncode != 2


@pytest.mark.long_after(1)
@pytest.mark.parametrize("baseline", ["", "baseline: {audit: main}\n"])
def test_a_policy_without_a_baseline_file_has_nothing_to_write(update, tmp_path, baseline):
    (tmp_path / "modicum.yaml").write_text(f"version: 1\n{baseline}rules: {{spot: off, accuracy: {{min: 0.8}}}}\n")

    ended = update("same.json")

    assert ended.returncode == 2
    assert "got no file to write" in ended.stderr
