"""A class that `classes: all` asks for and that a measure says nothing of: inconclusive, and named."""

import pytest

from tests.gate.documents import document, image, paired, share, verdict

EACH = "rules:\n  spot: off\n  accuracy: {level: error, min: 0.3, classes: all}\n"


def predicted(*classes, labels=("cat", "dog", "owl"), rows=(), **more):
    """A result in which images were predicted as these classes only, of a version that knows those of the labels."""
    groups = {str(index): share(90, 100) for index in classes}
    result = document({"accuracy": share(180, 200, groups=groups), **more}, rows=list(rows))
    result["models"][0]["class_labels"] = list(labels)
    if not rows:
        del result["rows"]
    return result


def found(given):
    """The outcome of each check of the only rule, by what it is about."""
    return {check.about: str(check.outcome) for check in given.rules[0].checks}


def test_a_class_that_is_never_predicted_does_not_pass():
    given = verdict(EACH, predicted(0, 1))

    assert found(given) == {"": "PASS", "class cat": "PASS", "class dog": "PASS", "class owl": "INCONCLUSIVE"}
    assert given.rules[0].worst.reason.startswith("no image was predicted as owl; if the data set has no picture of it")
    assert str(given.outcome) == "INCONCLUSIVE"


def test_a_class_with_images_that_are_never_predicted_so_is_named_by_the_labels():
    given = verdict(EACH, predicted(0, 1, rows=[image(at, label=at % 3) for at in range(9)]))

    assert given.rules[0].worst.reason == "no image was predicted as owl"


def test_a_class_that_no_image_of_the_data_set_has_is_not_missed():
    given = verdict(EACH, predicted(0, 1, rows=[image(at, label=at % 2) for at in range(9)]))

    assert found(given) == {"": "PASS", "class cat": "PASS", "class dog": "PASS"}


def test_images_without_a_label_may_be_of_any_class():
    rows = [image(at, label=None if at else 0) for at in range(9)]

    assert found(verdict(EACH, predicted(0, 1, rows=rows)))["class owl"] == "INCONCLUSIVE"


def test_a_version_that_names_no_classes_does_not_pass_by_those_that_are_seen():
    rows = [image(at, label=None) for at in range(9)]

    given = verdict(EACH, predicted(0, 1, labels=(), rows=rows))

    assert str(given.outcome) == "INCONCLUSIVE"
    assert given.rules[0].worst.reason.startswith("neither the version nor its images name all classes")


def test_a_class_that_is_predicted_without_counting_for_the_measure_is_told_so():
    rate = share(10, 100, groups={"0": share(10, 100)})
    policy = "rules:\n  spot: off\n  overinterpretation-rate: {level: error, max: 0.5, classes: all}\n"

    given = verdict(policy, predicted(0, 1, labels=("cat", "dog"), overinterpretation_rate=rate))

    assert given.rules[0].worst.reason.startswith("no image of class dog counts for overinterpretation_rate")


def test_many_missing_classes_are_counted_in_one_check():
    given = verdict(EACH, predicted(0, 1, labels=[f"c{at}" for at in range(1000)]))

    assert found(given)["998 classes"] == "INCONCLUSIVE"
    assert "of c2, c3, c4, c5, c6, c7, c8, c9, c10, c11 and 988 more classes" in given.rules[0].worst.reason


def test_classes_that_a_result_leaves_out_are_not_judged():
    result = predicted(*range(1000), labels=[f"c{at}" for at in range(1200)])

    assert "the result lists 1,000 classes" in verdict(EACH, result).rules[0].worst.reason


@pytest.mark.parametrize("classes", ["pooled", "[cat]"])
def test_a_rule_that_does_not_ask_for_each_class_misses_none(classes):
    given = verdict(EACH.replace("all", classes), predicted(0, 1))

    assert str(given.outcome) == "PASS"


def spotted(classes, result):
    """The outcome of each check of the spot rule, by what it is about, and the reason of the worst."""
    given = verdict(f"rules: {{spot: {{classes: {classes}}}}}", result)
    return found(given), given.rules[0].worst.reason


def never(label, rows=(), **groups):
    """A result with spot tests of cats and dogs, of a version that knows one more class."""
    accuracy = share(180, 200, groups={**{str(at): share(90, 100) for at in (0, 1)}, **groups})
    result = document({"accuracy": accuracy}, rows=list(rows))
    result["models"][0]["class_labels"] = ["cat", "dog", label]
    if not rows:
        del result["rows"]
    return result


@pytest.mark.parametrize("classes", ["[cat, owl]", "all"])
def test_the_spot_rule_does_not_pass_by_a_class_that_is_never_predicted(classes):
    outcomes, reason = spotted(classes, never("owl"))

    assert {about: outcome for about, outcome in outcomes.items() if outcome != "PASS"} == {"class owl": "INCONCLUSIVE"}
    assert reason.startswith("no image was predicted as owl")


def test_the_spot_rule_does_not_pass_by_a_class_of_too_few_images():
    outcomes, reason = spotted("all", never("owl", **{"2": share(3, 5)}))

    assert outcomes["class owl"] == "INCONCLUSIVE"
    assert reason.startswith("too few images were predicted as this class to test it by itself")


def test_the_spot_rule_asks_for_the_classes_of_the_labels():
    none, some = (never("owl", rows=[image(at, label=at % count) for at in range(9)]) for count in (2, 3))

    assert set(spotted("all", none)[0].values()) == {"PASS"}
    assert spotted("all", some)[0]["class owl"] == "INCONCLUSIVE"


def test_a_spot_rule_that_names_no_class_passes_with_a_note():
    given = verdict("", never("owl"))

    assert (str(given.outcome), given.notes) == (
        "PASS",
        (
            (
                "the spot test judged owl only together with other classes, because fewer than 8 images were predicted "
                "as each; with `classes: all`, that is INCONCLUSIVE"
            ),
        ),
    )


@pytest.mark.parametrize("spot", ["off", "{classes: pooled}", "{classes: [cat]}"])
def test_nothing_is_noted_of_classes_that_no_spot_rule_is_about(spot):
    given = verdict(f"rules: {{spot: {spot}, eligible-share: {{min: 0.1}}}}\n", never("owl"))

    assert given.notes == ()


def test_a_label_without_a_pair_in_the_counterfactual_set_is_missed():
    loss = {"counterfactual_accuracy_loss": paired(0, 0, 200)}
    test = {
        "model_version": "projects/default/models/m/versions/1",
        "search_index": 0,
        "measures": loss,
        "classes": [{"class": 0, "label": "cat", "measures": loss}],
    }
    result = predicted(0, 1, labels=("cat", "dog")) | {"counterfactuals": [test]}
    policy = "rules:\n  spot: off\n  counterfactual-accuracy-loss: {level: error, max: 0.05, classes: all}\n"

    assert (
        verdict(policy, result).rules[0].worst.reason.startswith("no pair of the counterfactual set has the label dog")
    )
