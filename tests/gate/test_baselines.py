"""Rules against a baseline: paired on the same images of other audits, or inconclusive with the reason."""

import json

import numpy as np
import pytest
from modicum.errors import PolicyError
from modicum.gate.baseline_file import baseline_side
from modicum.gate.baselines import measured_otherwise
from modicum.gate.judging import judge
from modicum.gate.policy_file import policy_of

from tests.gate.documents import DIGEST, TODAY, VERSION, image, with_rows

POLICY = """version: 1
baseline: {file: main.json}
rules:
  spot: off
  accuracy: {level: error, max_regression: 0.05}
"""
BASELINE = "projects/default/models/main/versions/1"


def audited(right, version=VERSION, *, labels=None, **more):
    """A result of images that are predicted right or wrong, the label of each 0 unless given."""
    labels = labels or [0] * len(right)
    images = [
        image(at, label=label, predicted=label if is_right else label + 1)
        for at, (is_right, label) in enumerate(zip(right, labels, strict=True))
    ]
    return with_rows(images, version, **more)


def judged(result, baseline, policy=POLICY):
    return judge(result, policy_of(policy, "modicum.yaml", today=TODAY), today=TODAY, baseline=baseline)


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
        (audited([True] * 200, BASELINE, device="cuda"), "the baseline was measured differently: device differs"),
        (audited([True] * 200, BASELINE, versions={}), "the baseline was measured differently: versions differs"),
        (audited([True] * 200, BASELINE, labels=[1] * 200), "some images have other labels in the baseline"),
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


def test_the_command_reads_the_baseline_beside_the_policy(shell, tmp_path):
    (tmp_path / "ci").mkdir()
    (tmp_path / "ci" / "modicum.yaml").write_text(POLICY)
    (tmp_path / "ci" / "main.json").write_text(json.dumps(MAIN))
    (tmp_path / "worse.json").write_text(json.dumps(audited([False] * 60 + [True] * 140)))

    ended = shell("modicum judge worse.json --policy ci/modicum.yaml")

    assert ended.returncode == 1, ended.stderr
    assert (
        "accuracy (error): against the baseline: -20 points (-29 to -11), limit at least -5 points, n = 200"
        in ended.stdout
    )


RATIO = """version: 1
baseline: {file: main.json}
rules:
  spot: off
  subset-fraction: {level: error, min_ratio_to_baseline: 0.8}
"""


def sized(sizes, version=VERSION, *, not_eligible=0, **more):
    """A result whose subsets have these sizes; the last images are not eligible."""
    images = [image(at, size=size, eligible=at < len(sizes) - not_eligible) for at, size in enumerate(sizes)]
    return with_rows(images, version, **more)


def spread(sizes, factor, seed=0):
    """Sizes, each times a factor that varies from image to image."""
    factors = np.random.default_rng(seed).lognormal(np.log(factor), 0.2, len(sizes))
    return [max(1, round(size * one)) for size, one in zip(sizes, factors, strict=True)]


REDUCED = {"dtype": "bfloat16"}
SIZES = [20 + at % 20 for at in range(100)]
BEFORE = sized(SIZES, BASELINE)


@pytest.mark.parametrize(
    ("result", "outcome", "value"),
    [
        pytest.param(sized(SIZES), "PASS", 1.0, id="the same"),
        pytest.param(sized(spread(SIZES, 1.3)), "PASS", 1.3, id="larger"),
        pytest.param(sized(spread(SIZES, 0.5)), "FAIL", 0.5, id="half as large"),
        pytest.param(sized(spread(SIZES, 0.8)), "INCONCLUSIVE", 0.8, id="at the limit"),
    ],
)
def test_sizes_are_compared_on_the_same_images(result, outcome, value):
    verdict = judged(result, BEFORE, RATIO)

    (check,) = verdict.rules[0].checks
    assert str(verdict.outcome) == outcome
    assert check.value == pytest.approx(value, rel=0.05)
    assert check.low <= check.value <= check.high
    assert (check.unit, check.n) == ("ratio", 100)


@pytest.mark.parametrize(
    ("sizes", "left_out", "outcome", "says"),
    [
        pytest.param(
            spread(SIZES, 1.3), 2, "INCONCLUSIVE", "98 are eligible, 100 with the baseline: softer", id="soft"
        ),
        pytest.param(spread(SIZES, 1.3), 1, "PASS", "", id="one image apart"),
        pytest.param(spread(SIZES, 0.5), 2, "FAIL", "", id="softer, and smaller all the same"),
    ],
)
def test_softer_logits_cannot_pass(sizes, left_out, outcome, says):
    verdict = judged(sized(sizes, not_eligible=left_out), BEFORE, RATIO)

    assert str(verdict.outcome) == outcome
    assert says in verdict.rules[0].worst.reason


def test_sharper_logits_cannot_fail_and_can_pass():
    softer = sized(SIZES, BASELINE, not_eligible=10)

    smaller, larger = (judged(sized(spread(SIZES, factor)), softer, RATIO) for factor in (0.5, 1.3))

    assert (str(smaller.outcome), str(larger.outcome)) == ("INCONCLUSIVE", "PASS")
    assert "100 are eligible, 90 with the baseline: sharper logits" in smaller.rules[0].worst.reason


def with_margins(result, margins):
    """The result with these log-odds of its images, all of which are eligible."""
    return {**result, "rows": [{**row, "margin": one} for row, one in zip(result["rows"], margins, strict=True)]}


MARGINS = [3 + at % 7 for at in range(100)]


@pytest.mark.parametrize(
    ("margins", "factor", "outcome", "says"),
    [
        pytest.param(MARGINS, 1.3, "PASS", "", id="alike"),
        pytest.param([one / 1.2 for one in MARGINS], 1.3, "INCONCLUSIVE", "softer logits alone enlarge", id="softer"),
        pytest.param([one / 1.2 for one in MARGINS], 0.5, "FAIL", "", id="softer, and smaller all the same"),
        pytest.param([one * 1.5 for one in MARGINS], 0.5, "INCONCLUSIVE", "sharper logits alone shrink", id="sharper"),
        pytest.param([one * 1.5 for one in MARGINS], 1.3, "PASS", "", id="sharper, and larger all the same"),
        pytest.param([None] * 100, 1.3, "INCONCLUSIVE", "the margins are not known, so no closer", id="none"),
    ],
)
def test_where_all_images_are_eligible_margins_show_the_scale_of_the_logits(margins, factor, outcome, says):
    result = with_margins(sized(spread(SIZES, factor)), margins)

    verdict = judged(result, with_margins(BEFORE, MARGINS), RATIO)

    assert str(verdict.outcome) == outcome
    assert says in verdict.rules[0].worst.reason


def test_what_the_ratio_does_not_tell_comes_with_what_to_do():
    softer = judged(sized(spread(SIZES, 1.3), not_eligible=2), BEFORE, RATIO).rules[0].worst.reason

    assert "so the cause of the ratio is unknown; divide the new version's logits by the temperature" in softer


#: Half of the images are cats, half are dogs.
HALVES = [0] * 100 + [1] * 100


def of_animals(result):
    result["models"][0]["class_labels"] = ["cat", "dog", "owl"]
    return result


@pytest.mark.parametrize(
    ("classes", "found"),
    [
        ("pooled", {"against the baseline": "PASS"}),
        (
            "all",
            {
                "against the baseline": "PASS",
                "class cat against the baseline": "PASS",
                "class dog against the baseline": "FAIL",
            },
        ),
        ("[dog]", {"class dog against the baseline": "FAIL"}),
        ("[owl]", {"class owl against the baseline": "INCONCLUSIVE"}),
        ("[eel]", {"class eel against the baseline": "INCONCLUSIVE"}),
    ],
)
def test_accuracy_is_compared_by_class_on_the_same_images(classes, found):
    main = of_animals(audited([False] * 40 + [True] * 160, BASELINE, labels=HALVES))
    worse = of_animals(audited([True] * 140 + [False] * 60, labels=HALVES))

    given = judged(worse, main, POLICY.replace("0.05}", f"0.2, classes: {classes}}}"))

    assert {check.about: str(check.outcome) for check in given.rules[0].checks} == found


def of_classes(sizes, version=VERSION, **more):
    """A result with subsets of these sizes; of the images even ones are predicted to be cats, odd ones dogs."""
    images = [image(at, size=size, label=at % 2, predicted=at % 2) for at, size in enumerate(sizes)]
    return of_animals(with_rows(images, version, **more))


def test_sizes_are_compared_by_the_class_that_both_predict():
    smaller = [size * (0.4 if at % 2 else 1.5) for at, size in enumerate(SIZES)]
    mixed = of_classes(smaller)
    mixed["rows"][1] |= {"predicted_class": 0}

    given = judged(mixed, of_classes(SIZES, BASELINE), RATIO.replace("0.8}", "0.8, classes: [cat, dog]}"))

    checks = {check.about: (str(check.outcome), check.n) for check in given.rules[0].checks}
    assert checks == {
        "class cat against the baseline": ("PASS", 50),
        "class dog against the baseline": ("FAIL", 49),
    }


def test_classes_of_a_baseline_that_numbers_them_otherwise_are_not_compared():
    other = of_classes(SIZES, BASELINE)
    other["models"][0]["class_labels"] = ["dog", "cat", "owl"]

    given = judged(of_classes(SIZES), other, RATIO.replace("0.8}", "0.8, classes: [cat]}"))

    assert (
        given.rules[0].worst.reason
        == "the baseline numbers its classes differently, so classes cannot be compared one by one"
    )


def test_softer_logits_of_one_class_cannot_pass_its_ratio():
    margins = [at // 2 % 10 for at in range(100)]
    moved = {(0, 4): 9, (1, 5): 0}  # as many cats gain as dogs lose
    softer = with_margins(
        of_classes(spread(SIZES, 1.3)), [moved.get((at % 2, margin), margin) for at, margin in enumerate(margins)]
    )
    before = with_margins(of_classes(SIZES, BASELINE), margins)

    given = judged(softer, before, RATIO.replace("0.8}", "0.8, classes: [cat, dog]}"))

    assert [str(check.outcome) for check in given.rules[0].checks] == ["PASS", "INCONCLUSIVE"]


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"search": {"passes": 600}}, "passes"),
        ({"search": {"fill": "black"}}, "fill"),
        ({"search": {"threshold": 0.8}}, "threshold"),
        ({"device": "cuda:0"}, "device"),
        ({"versions": {"torch": "2.5"}}, "versions"),
        ({"mean_fill": [0.4]}, "mean_fill"),
        ({"gradient_free": True}, "gradient_free"),
        ({"acceleration": {BASELINE: REDUCED}}, "search_dtype"),
    ],
)
def test_sizes_that_were_measured_otherwise_are_not_compared(more, field):
    verdict = judged(sized(SIZES), sized(SIZES, BASELINE, **more), RATIO)

    assert (str(verdict.outcome), verdict.rules[0].worst.reason) == (
        "INCONCLUSIVE",
        f"the baseline was measured differently: {field} differs",
    )


def test_sizes_in_reduced_precision_are_compared_with_such_alone():
    ours = sized(SIZES, acceleration={VERSION: REDUCED})
    alike, exact = sized(SIZES, BASELINE, acceleration={BASELINE: REDUCED}), sized(SIZES, BASELINE)

    assert str(judged(ours, alike, RATIO).outcome) == "PASS"
    assert judged(ours, exact, RATIO).rules[0].worst.reason.endswith("search_dtype differs")
    assert measured_otherwise(ours, exact) == measured_otherwise(exact, ours) == "search_dtype"


def test_a_baseline_of_exact_searches_keeps_its_digest():
    recorded = sized(SIZES, BASELINE, acceleration={BASELINE: {"dtype": "float32"}})

    assert baseline_side(recorded).digest == baseline_side(sized(SIZES, BASELINE)).digest


def test_accuracy_is_compared_whatever_searches_ran_in():
    reduced = audited([True] * 180 + [False] * 20, BASELINE, acceleration={BASELINE: REDUCED})

    assert str(judged(audited([True] * 200), reduced).outcome) == "PASS"


def test_images_that_were_not_searched_in_both_do_not_count():
    few = sized(SIZES[:5], BASELINE)

    verdict = judged(sized(SIZES), few, RATIO)

    assert verdict.rules[0].worst.reason == "only 5 images were searched to the end in both results; a ratio needs 30"


@pytest.mark.parametrize(
    ("images", "factor", "outcome"),
    [(30, 1.0, "PASS"), (29, 1.0, "INCONCLUSIVE"), (30, 0.2, "FAIL"), (29, 0.2, "INCONCLUSIVE")],
)
def test_a_ratio_of_few_images_settles_nothing(images, factor, outcome):
    sizes = [20.0 + at % 9 for at in range(images)]

    given = judged(sized([factor * size for size in sizes]), sized(sizes, BASELINE), RATIO)

    assert str(given.outcome) == outcome


def test_a_baseline_of_the_same_version_is_said_to_show_no_change():
    same, other = with_rows([image(at) for at in range(40)]), with_rows([image(at) for at in range(40)])
    other["models"][0]["digest"] = "cd" * 32
    text = "version: 1\nbaseline: {file: main.json}\nrules:\n  accuracy: {max_regression: 0.3}\n"
    policy = policy_of(text, "modicum.yaml", today=TODAY)

    told = [judge(same, policy, today=TODAY, baseline=one).notes for one in (same, other)]

    note = "the baseline is a result of the judged version itself, so comparisons with it show no change of the model"
    assert [note in notes for notes in told] == [True, False]
