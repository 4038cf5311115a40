"""`--findings`: a result without rows is compared and judged at another alpha; else exit code 2 says why not."""

import gzip
import hashlib
import json

import pytest

from tests.gate.documents import image, share, with_rows

POLICY = "version: 1\naudit: {alpha: ALPHA}\nrules: {spot: off, overinterpretation-rate: {max: 0.5}}\n"
COMPARED = (
    "version: 1\nbaseline: {file: main.json}\nrules: {spot: off, subset-fraction: {min_ratio_to_baseline: 0.8}}\n"
)


@pytest.fixture
def result(tmp_path):
    """A result without rows whose subsets hold 4 of 64 pixels or 16, and its findings artifact."""
    images = [image(at, size=4 if at < 20 else 16, controls={}) for at in range(100)]
    whole = with_rows(images)
    packed = gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in whole["rows"]))
    (tmp_path / "findings.jsonl.gz").write_bytes(packed)
    whole["findings"] = {"digest": hashlib.sha256(packed).hexdigest()}
    rates = {"": share(0, 100), "_with_baseline_confident": share(0, 100), "_class_targeted": share(0, 0)}
    measures = {f"overinterpretation_rate{name}": one for name, one in rates.items()}
    whole["models"][0]["searches"][0]["measures"] = measures
    (tmp_path / "main.json").write_text(json.dumps(whole))
    (tmp_path / "result.json").write_text(json.dumps({name: value for name, value in whole.items() if name != "rows"}))
    return whole


@pytest.fixture
def judge(shell, tmp_path):
    """Judges by the text of a policy."""

    def run(policy, line):
        (tmp_path / "modicum.yaml").write_text(policy)
        return shell(f"modicum judge {line}")

    return run


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("policy", "line", "code", "says"),
    [
        (
            POLICY.replace("ALPHA", "0.1"),
            "result.json --findings findings.jsonl.gz",
            0,
            "overinterpretation-rate (error): 20%",
        ),
        (
            POLICY.replace("ALPHA", "0.3"),
            "result.json --findings findings.jsonl.gz",
            1,
            "overinterpretation-rate (error): 100%",
        ),
        (POLICY.replace("ALPHA", "0.05"), "result.json", 0, "overinterpretation-rate (error): 0%"),
        (POLICY.replace("ALPHA", "0.1"), "result.json", 2, "rates are counted again from its rows, but it has none"),
        (
            COMPARED,
            "result.json --findings findings.jsonl.gz",
            0,
            "subset-fraction (error): against the baseline: a ratio of",
        ),
        (COMPARED, "result.json", 2, "the result has no rows, so it cannot be compared"),
        (COMPARED, "result.json --findings main.json", 2, "main.json: expected the findings of this result, sha256:"),
    ],
)
@pytest.mark.usefixtures("result")
def test_a_result_without_rows_is_judged_with_its_findings(judge, policy, line, code, says):
    ended = judge(policy, line)

    assert ended.returncode == code, ended.stderr
    assert says in ended.stdout + ended.stderr


def edited(whole, **measure):
    """The result without rows, in which the rate says something else."""
    document = json.loads(json.dumps({name: value for name, value in whole.items() if name != "rows"}))
    document["models"][0]["searches"][0]["measures"]["overinterpretation_rate"] = measure
    return document


SEARCH = "models[0].searches[0]"


@pytest.fixture
def judge_edited(result, judge, tmp_path):
    """Judges the result as somebody changed it."""

    def run(change, line):
        (tmp_path / "edited.json").write_text(json.dumps(change(result)))
        return judge(POLICY.replace("ALPHA", "0.05"), line)

    return run


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("change", "line", "says"),
    [
        pytest.param(
            lambda whole: edited(whole, **share(0, 500)),
            "edited.json --findings findings.jsonl.gz",
            f"{SEARCH}.measures.overinterpretation_rate.n is 500, but 100 was counted",
            id="more images",
        ),
        pytest.param(
            lambda whole: edited(whole, **share(2, 100)),
            "edited.json --findings findings.jsonl.gz",
            f"{SEARCH}.measures.overinterpretation_rate.parameters.successes is 2, but 0 was counted",
            id="another count",
        ),
        pytest.param(
            lambda whole: edited(whole, **share(50, 100, value=0.02)),
            "edited.json",
            f"{SEARCH}.measures.overinterpretation_rate.value is 0.02, but 0.5 was counted",
            id="a share that is not that of its counts, without findings",
        ),
        pytest.param(
            lambda whole: {**whole, "rows": whole["rows"][1:]},
            "edited.json",
            f"{SEARCH}.counts.images is 100, but 99 was counted",
            id="a row less in the file itself",
        ),
    ],
)
def test_an_edited_result_is_refused_and_the_first_field_that_differs_is_named(judge_edited, change, line, says):
    ended = judge_edited(change, line)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"edited.json: the result and its findings disagree: {says}" in ended.stderr


def test_a_bare_file_proves_no_more_than_that_it_does_not_contradict_itself(judge_edited):
    assert judge_edited(lambda whole: edited(whole, **share(0, 90)), "edited.json").returncode == 0
