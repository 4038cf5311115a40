"""Images of the baseline that a result lacks: told, and never a pass where a class or more than a tenth is gone."""

import pytest
from modicum.gate.baseline_update import refusal

from tests.gate.documents import image, with_rows
from tests.gate.test_baselines import BASELINE, POLICY, RATIO, VERSION, judged

NAMES = ["cat", "dog", "owl"]


def of_classes(labels, version=VERSION, *, first=0, unlabelled=(), **more):
    """A result of images that are all predicted right, with these labels, from an image on."""
    images = [image(at, label=label, predicted=label) for at, label in enumerate(labels, first)]
    images = [{**one, "label": None} if one["label"] in unlabelled else one for one in images]
    result = with_rows(images, version)
    result["models"][0]["class_labels"] = NAMES
    return result


MAIN = of_classes([0] * 200 + [1] * 200 + [2] * 200, BASELINE)
ALL = POLICY.replace("0.05}", "0.05, classes: all}")


def found(given):
    """The outcome of each check of the only rule, by what it is about."""
    return {check.about.removesuffix(" against the baseline"): str(check.outcome) for check in given.rules[0].checks}


@pytest.mark.parametrize("missing", ["images", "labels"])
def test_a_class_that_is_gone_does_not_pass(missing):
    labels = [0] * 200 + [1] * 200 + [2] * 200
    cut = of_classes(labels[:400]) if missing == "images" else of_classes(labels, unlabelled={2})

    given = judged(cut, MAIN, ALL)

    assert found(given) == {
        "against the baseline": "INCONCLUSIVE",
        "class cat": "PASS",
        "class dog": "PASS",
        "class owl": "INCONCLUSIVE",
    }
    owl = given.rules[0].checks[-1]
    assert owl.reason == "no image of class owl is in both results; the baseline has 200"


def test_a_class_that_loses_a_large_part_of_its_images_does_not_pass():
    given = judged(of_classes([0] * 200 + [1] * 200 + [2] * 160), MAIN, ALL)

    assert found(given)["class owl"] == "INCONCLUSIVE"
    assert given.rules[0].checks[-1].reason == (
        "40 of the baseline's 200 images are missing, more than a tenth, so the rest cannot show a pass"
    )


@pytest.mark.parametrize(("images", "outcome"), [(540, "PASS"), (539, "INCONCLUSIVE")])
def test_all_images_pass_where_at_most_a_tenth_of_the_baseline_is_missing(images, outcome):
    labels = [0] * 200 + [1] * 200 + [2] * 200

    assert str(judged(of_classes(labels[:images]), MAIN).outcome) == outcome


WORSE = with_rows([image(at, label=at // 200, predicted=at % 2) for at in range(400)])


def test_missing_images_do_not_excuse_a_failure():
    assert str(judged(WORSE, MAIN).outcome) == "FAIL"


def test_images_that_were_not_audited_are_a_random_part_of_the_data_set():
    """A sample, or an audit that ended early, is drawn at random, so it leaves no kind of image out."""
    half = of_classes([0, 1, 2] * 100)
    half["dataset"] |= {"item_count": 600, "audited": 300}
    main = of_classes([0, 1, 2] * 200, BASELINE)

    assert str(judged(half, main, ALL).outcome) == "PASS"


def test_a_large_data_set_excuses_no_hole_in_one_class():
    """1,900 of 40,000 were left out at random, which explains ten of two hundred owls and not 190."""
    few = of_classes([0] * 200 + [1] * 200 + [2] * 10)
    few["dataset"] |= {"item_count": 40_000, "audited": 38_100}

    assert found(judged(few, MAIN, ALL))["class owl"] == "INCONCLUSIVE"


def test_erased_pictures_are_no_random_part():
    half = of_classes([0] * 200 + [1] * 200 + [2] * 100)
    half["dataset"] |= {"item_count": 600, "audited": 500, "left_out": 100}

    assert found(judged(half, MAIN, ALL))["class owl"] == "INCONCLUSIVE"


def test_the_verdict_tells_the_images_that_only_one_result_has():
    labels = [0] * 200 + [1] * 200 + [2] * 200

    (note,) = (one for one in judged(of_classes(labels, first=30), MAIN).notes if "in both" in one)

    assert note == (
        "30 of the baseline's 600 images are not in the result, and 30 of the result's 600 are not in the baseline; "
        "570 are in both"
    )


def test_equal_images_need_no_note():
    given = judged(of_classes([0] * 200 + [1] * 200 + [2] * 200), MAIN)

    assert not any("in both" in one for one in given.notes)


@pytest.mark.parametrize(
    ("result", "reason", "refused"),
    [
        (of_classes([0] * 200 + [1] * 200), "", "with --reason TEXT"),
        (of_classes([0] * 200 + [1] * 200), "the owls moved to a set of their own", None),
        (WORSE, "worse", "accuracy is FAIL"),
    ],
)
def test_a_reason_replaces_a_baseline_of_other_images_but_not_one_that_was_better(result, reason, refused):
    found = refusal(judged(result, MAIN), reason=reason, first=False)

    assert refused is None if found is None else refused in found.text


def test_a_ratio_does_not_pass_without_a_large_part_of_the_baseline():
    given = judged(of_classes([0] * 200 + [1] * 200), MAIN, RATIO.replace("0.8}", "0.8, classes: all}"))

    assert found(given)["against the baseline"] == "INCONCLUSIVE"
    assert given.rules[0].checks[-1].reason == (
        "no image that both versions predict as class owl is in both results; the baseline has 200"
    )
