"""Results of versions of which two classes have one name: each class is judged by its index, and none hides another."""

from dataclasses import replace

import pytest
from modicum.gate.stopping import ShareLimit, Stopping
from modicum_server.measures.early_end import SharesSoFar

from tests.gate.documents import document, image, outcomes, place, row, share, verdict, with_rows
from tests.gate.test_baselines import judged
from tests.gate.test_worst_spot import pictured
from tests.measures.example_audit import audit, finding, version

NAMES = ["circle", "square", "triangle", "cross", "circle"]
NO_SPOT = "rules:\n  spot: off\n"


def with_groups(*right):
    """A result of which so many images of 100 of each class are predicted right."""
    groups = {str(index): share(number, 100) for index, number in enumerate(right)}
    result = document({"accuracy": {**share(sum(right), 100 * len(right)), "groups": groups}})
    result["models"][0]["class_labels"] = NAMES
    return result


FIRST_FAILS = with_groups(10, 95, 95, 95, 95)


@pytest.mark.parametrize("result", [FIRST_FAILS, with_groups(95, 95, 95, 95, 10)], ids=["first", "last"])
@pytest.mark.parametrize("classes", ["all", "[circle]"])
def test_each_class_of_a_shared_name_is_judged(classes, result):
    given = verdict(f"{NO_SPOT}  accuracy: {{min: 0.5, classes: {classes}}}", result)

    assert outcomes(given) == {"accuracy": "FAIL"}
    found = {check.about: str(check.outcome) for check in given.rules[0].checks}
    assert sorted(found[f"class circle (index {index})"] for index in (0, 4)) == ["FAIL", "PASS"]


def test_a_class_of_a_shared_name_without_a_measure_is_inconclusive():
    given = verdict(f"{NO_SPOT}  accuracy: {{min: 0.5, classes: [circle]}}", with_groups(95, 95))

    assert outcomes(given) == {"accuracy": "INCONCLUSIVE"}
    assert given.rules[0].worst.reason == "the result has no class circle (index 4)"


@pytest.mark.parametrize(("named", "outcome"), [("circle", "PASS"), ("circle (index 0)", "PASS"), ("cross", "FAIL")])
def test_a_waiver_is_of_a_name_or_of_one_class(named, outcome):
    waiver = f"waivers: [{{rule: accuracy, class: '{named}', reason: r, owner: o, expires: 2026-12-24}}]"
    given = verdict(f"{NO_SPOT}  accuracy: {{min: 0.5, classes: all}}\n{waiver}", FIRST_FAILS)

    assert given.outcome == outcome


def test_classes_of_a_shared_name_are_compared_with_the_baseline_one_by_one():
    """Half of the images of class 4 are lost and none of class 0: of both together a quarter would be."""
    labels = [0] * 100 + [4] * 100
    before = with_rows([image(at, label=label, predicted=label) for at, label in enumerate(labels)])
    now = with_rows([image(at, label=label, predicted=label if at < 150 else 1) for at, label in enumerate(labels)])
    for result in (before, now):
        result["models"][0]["class_labels"] = NAMES
    policy = "version: 1\nbaseline: {file: main.json}\nrules:\n  spot: off\n  accuracy: {max_regression: 0.3, classes: "

    for classes in ("all}", "[circle]}"):
        given = judged(now, before, policy + classes)

        found = {check.about: str(check.outcome) for check in given.rules[0].checks}
        assert found["class circle (index 0) against the baseline"] == "PASS"
        assert found["class circle (index 4) against the baseline"] == "FAIL"


def test_an_audit_ends_early_where_any_class_of_a_shared_name_is_beyond_the_limit():
    limit = ShareLimit(measure="accuracy", at_least=0.9, error=0.01, class_label="circle")
    named = replace(version(), class_labels=tuple(NAMES))
    shares = SharesSoFar(replace(audit().specification, stopping=Stopping(limits=(limit,))), [named])

    shares.add(finding(at, label=1) for at in range(40))
    shares.add(finding(at, label=4, predicted_class=4, target_class=4) for at in range(40, 80))

    assert shares.why() == ("accuracy of circle lies beyond its limit (0 of 40)",)


def with_spots(*indexes):
    """A result whose spot test has a row without a spot of each of these classes."""
    rows = [row(index, place((0, 60)), label=NAMES[index]) for index in indexes]
    result = document(spots=(row(None, place((0, 60)), sources=100 * len(rows)), *rows))
    result["models"][0]["class_labels"] = NAMES
    return result


def test_a_spot_rule_asks_for_a_row_of_each_class_of_a_shared_name():
    policy = "rules: {spot: {classes: [circle]}}"

    one, both = verdict(policy, with_spots(0)), verdict(policy, with_spots(0, 4))

    assert (one.outcome, both.outcome) == ("INCONCLUSIVE", "PASS")
    assert one.rules[0].worst.about == "class circle (index 4)"
    assert one.rules[0].worst.reason == "too few images were predicted as this class to test it by itself"
    assert [check.subject for check in both.rules[0].checks] == ["circle (index 0)", "circle (index 4)"]


def test_the_picture_of_the_worst_spot_is_of_the_class_that_fails():
    result = with_spots(0, 4)
    result["spots"][0]["rows"][2] = row(4, place((20, 0)), label="circle")
    result["spot_pictures"] = [pictured("circle", at, outline=f"M{at} 0h4") for at in (0, 4)]

    found = verdict("", result).worst_spot

    assert (found["subject"], found["outline"]) == ("circle (index 4)", "M4 0h4")
