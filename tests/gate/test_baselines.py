"""Accuracy against a baseline: paired on the same images of other audits, or inconclusive with the reason."""

import json
import subprocess
import sys

import pytest
from modicum.errors import PolicyError
from modicum.gate.judging import judge
from modicum.gate.policy_file import policy_of

from tests.gate.documents import DIGEST, TODAY, VERSION, document, share

POLICY = """version: 1
baseline: {file: main.json}
rules:
  spot: off
  accuracy: {level: error, max_regression: 0.05}
"""
BASELINE = "projects/default/models/main/versions/1"


def audited(right, version=VERSION, *, labels=None, **parameters):
    """A result of images that are predicted right or wrong, the label of each 0 unless given."""
    labels = labels or [0] * len(right)
    rows = [
        {
            "image_digest": f"{at:064x}",
            "model_version": version,
            "search_index": 0,
            "label": label,
            "predicted_class": label if is_right else label + 1,
        }
        for at, (is_right, label) in enumerate(zip(right, labels, strict=True))
    ]
    whole = document({"accuracy": share(sum(right), len(right))}, rows=rows)
    whole["specification"]["canvas"] = {"channels": 3, "height": 8, "width": 8}
    whole["parameters"] = {"device": "cpu", "dtype": "float32", "versions": {"torch": "2.4"}, **parameters}
    whole["models"][0]["model_version"] = version
    return whole


def judged(result, baseline):
    return judge(result, policy_of(POLICY, "modicum.yaml", today=TODAY), today=TODAY, baseline=baseline)


MAIN = audited([True] * 180 + [False] * 20, BASELINE)


@pytest.mark.parametrize(
    ("right", "outcome"),
    [
        pytest.param([True] * 180 + [False] * 20, "PASS", id="equal"),
        pytest.param([True] * 200, "PASS", id="better"),
        pytest.param([False] * 40 + [True] * 160, "INCONCLUSIVE", id="20 gained and 40 lost"),
        pytest.param([False] * 60 + [True] * 140, "FAIL", id="worse"),
        pytest.param([False] * 8 + [True] * 172 + [False] * 20, "INCONCLUSIVE", id="a little worse"),
    ],
)
def test_accuracy_is_compared_on_the_same_images(right, outcome):
    verdict = judged(audited(right), MAIN)

    (check,) = verdict.rules[0].checks
    assert str(verdict.outcome) == outcome
    assert check.value == pytest.approx((sum(right) - 180) / 200)
    assert check.low < check.value < check.high
    assert verdict.as_json()["result"]["baseline"]["model_digests"] == {BASELINE: DIGEST}


def test_only_images_of_both_results_count():
    verdict = judged(audited([True] * 100), MAIN)

    assert verdict.rules[0].checks[0].n == 100


@pytest.mark.parametrize(
    ("baseline", "reason"),
    [
        (audited([True] * 200, BASELINE, device="cuda"), "the baseline was measured otherwise: device differs"),
        (audited([True] * 200, BASELINE, versions={}), "the baseline was measured otherwise: versions differs"),
        (audited([True] * 200, BASELINE, labels=[1] * 200), "images have other labels in the baseline"),
        (audited([True] * 5, BASELINE), "only 5 labelled images are in both results"),
        (None, "there is no baseline"),
    ],
)
def test_a_comparison_that_cannot_be_made_is_inconclusive(baseline, reason):
    verdict = judged(audited([True] * 200), baseline)

    assert (str(verdict.outcome), verdict.rules[0].worst.reason) == ("INCONCLUSIVE", reason)


def test_a_result_without_rows_is_refused():
    result = audited([True] * 200)
    del result["rows"]

    with pytest.raises(PolicyError, match="the result has no rows, so it cannot be compared"):
        judged(result, MAIN)


def test_the_command_reads_the_baseline_beside_the_policy(tmp_path):
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "modicum.yaml").write_text(POLICY)
    (tmp_path / "ci" / "main.json").write_text(json.dumps(MAIN))
    (tmp_path / "worse.json").write_text(json.dumps(audited([False] * 60 + [True] * 140)))
    program = [sys.executable, "-c", "from modicum.cli import main; main()", "judge", "worse.json"]

    ended = subprocess.run(
        [*program, "--policy", "ci/modicum.yaml"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ended.returncode == 1, ended.stderr
    assert "accuracy (error): less the baseline -0.20" in ended.stdout
