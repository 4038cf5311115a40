"""What the shortcut reading goes by beside its losses: an edit of one of these numbers is noticed."""

import json
from dataclasses import replace

import pytest
from modicum.gate.recount import first_difference
from modicum_server.domain.findings import FindingControls

from tests.gate.server_documents import reported
from tests.gate.test_class_rules import CLASSES, IMAGES, RING_FILLED, _after, of_class, right

WHOLE = ("parameters",)
CLASS = ("groups", "1", "parameters")


def reacting():
    """A report in which one class of three loses 45 of 50 predictions with the ring filled, and none with the band."""
    found = []
    for at in range(IMAGES):
        filled = (_after(RING_FILLED, at, of_class(1, 135)), _after("band_filled", at, of_class(1, 0)))
        found.append(right(at, controls=FindingControls(variants=filled)))
    found[0] = replace(found[0], predicted_class=1, target_class=1)
    return json.loads(json.dumps(reported(found)))


def edited(name, path, key, value, *, rows):
    """The report after an edit of one number of a measure; None takes it out."""
    result = reacting()
    if not rows:
        del result["rows"]
    part = result["models"][0]["searches"][0]["measures"][name]
    for one in path:
        part = part[one]
    assert part[key] != value
    if value is None:
        del part[key]
    else:
        part[key] = value
    return result


def test_a_report_of_the_server_has_what_its_rows_say():
    result = reacting()
    (reading,) = [one for one in result["models"][0]["searches"][0]["readings"] if one["control"] == "shortcut"]

    assert reading["outcome"] == "SHORTCUT"
    assert first_difference(result) == ""
    assert first_difference({name: one for name, one in result.items() if name != "rows"}) == ""


@pytest.mark.parametrize("value", [0.25, None])
@pytest.mark.parametrize(
    ("name", "path", "key"),
    [
        ("shortcut_accuracy_drop", WHOLE, "accuracy_filled"),
        ("shortcut_accuracy_drop", WHOLE, "accuracy_low"),
        ("shortcut_accuracy_drop", WHOLE, "chance_accuracy"),
        ("shortcut_accuracy_drop", CLASS, "low_over_classes"),
        ("shortcut_accuracy_excess", CLASS, "low_over_classes"),
    ],
)
def test_an_edit_of_what_the_reading_goes_by_is_noticed_by_the_rows(name, path, key, value):
    told = first_difference(edited(name, path, key, value, rows=True))

    said = "missing" if value is None else value
    assert told.startswith(f"models[0].searches[0].measures.{name}.{'.'.join(path)}.{key} is {said}, but ")


@pytest.mark.parametrize("value", [0.05, None])
@pytest.mark.parametrize("name", ["shortcut_accuracy_drop", "shortcut_accuracy_excess"])
def test_the_lower_end_of_a_class_is_noticed_without_rows(name, value):
    told = first_difference(edited(name, CLASS, "low_over_classes", value, rows=False))

    said = "missing" if value is None else value
    assert told.startswith(
        f"models[0].searches[0].measures.{name}.groups.1.parameters.low_over_classes is {said}, but "
    )


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("accuracy_low", 0.5, "accuracy_low is 0.5, but "),
        ("accuracy_low", None, "accuracy_low is missing, but "),
        ("accuracy_filled", 0.99, "accuracy_filled is 0.99, but "),
        ("chance_accuracy", 0.001, "chance_accuracy is 0.001, but at least "),
        ("chance_accuracy", 1.5, "chance_accuracy is 1.5, but at most 1 "),
    ],
)
def test_what_contradicts_the_loss_is_noticed_without_rows(key, value, named):
    told = first_difference(edited("shortcut_accuracy_drop", WHOLE, key, value, rows=False))

    assert told.startswith(f"models[0].searches[0].measures.shortcut_accuracy_drop.parameters.{named}")


@pytest.mark.parametrize(
    ("key", "value", "named"),
    [
        ("value", 0.2501, "value is 0.2501, but a difference of 150 pairs of which 46 differ was counted"),
        ("value", 0.24, "interval.low is "),
        ("n", 151, "value is 0.29333333333333333, but a difference of 151 pairs of which 46 differ was counted"),
    ],
)
def test_a_loss_that_is_not_that_of_its_pairs_is_noticed_without_rows(key, value, named):
    told = first_difference(edited("shortcut_accuracy_drop", (), key, value, rows=False))

    assert f"shortcut_accuracy_drop.{named}" in told


def test_the_classes_of_the_losses_are_three():
    measure = reacting()["models"][0]["searches"][0]["measures"]["shortcut_accuracy_drop"]

    assert len(measure["groups"]) == CLASSES
