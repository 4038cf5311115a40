"""A measure is judged by the evidence of its kind alone: a key or a unit of another kind is refused."""

import json

import pytest
from modicum.gate.catalogue import known_rules
from modicum.gate.measure_kinds import kind_of
from modicum.gate.policy import Kind
from modicum.gate.recount import first_difference
from modicum_server.measures.registry import measure_titles, pair_titles

from tests.gate import test_ensembles
from tests.gate.server_documents import every_outcome, of_an_older_release, reported

REPORT = json.dumps(reported(every_outcome()))
ENDS = [[0.05, -0.9, -0.8]]


def edited(*, rows, **edits):
    """A report after edits of its measures, by name; without its rows unless they are asked for."""
    found = json.loads(REPORT)
    if not rows:
        del found["rows"]
    for name, edit in edits.items():
        edit(found["models"][0]["searches"][0]["measures"][name])
    return found


def as_a_fraction(measure):
    measure |= {"unit": "fraction", "evidence": {"ends": [[0.05, 0.97, 0.99]]}}


def with_a_wider_interval(measure):
    measure.pop("evidence")
    measure["parameters"]["with_two_images_added"] = {"low": 0.4, "high": 0.5}


def with_ends(measure):
    measure["evidence"] = {"ends": ENDS}


def with_a_deviation(measure):
    measure["evidence"] |= {"deviation": 1e-9, "skewness": 0}


def with_successes(measure):
    measure["unit"] = "share"
    measure["parameters"]["successes"] = 1


def of_classes(edit):
    return lambda measure: edit(measure["groups"]["0"])


EDITS = {
    "unit of a share": ("accuracy", as_a_fraction, "accuracy.unit is fraction, but share was counted"),
    "second interval": (
        "subset_fraction_median",
        with_a_wider_interval,
        "subset_fraction_median.parameters.with_two_images_added is ",
    ),
    "ends of a paired difference": (
        "shortcut_accuracy_excess",
        with_ends,
        "shortcut_accuracy_excess.evidence.ends is [[0.05, -0.9, -0.8]], but nothing was counted",
    ),
    "deviation of a median": (
        "border_share_median",
        with_a_deviation,
        "border_share_median.evidence.deviation is 1e-09, but nothing was counted",
    ),
    "count of a quantile": ("border_share_median", with_successes, "border_share_median."),
    "ends of a class": ("accuracy", of_classes(with_ends), "accuracy.groups.0.evidence.ends is "),
}


@pytest.mark.parametrize("rows", [True, False], ids=["with rows", "without rows"])
@pytest.mark.parametrize(("name", "edit", "told"), EDITS.values(), ids=EDITS)
def test_a_measure_with_what_another_kind_has_is_noticed(name, edit, told, rows):
    assert first_difference(edited(rows=rows)) == ""

    differs = first_difference(edited(rows=rows, **{name: edit}))

    assert differs.startswith("models[0].searches[0].measures.")
    assert told in differs or (rows and f"measures.{name}." in differs)


@pytest.mark.parametrize(
    ("name", "place", "key"),
    [
        ("accuracy", "parameters", "successes"),
        ("shortcut_accuracy_drop", "parameters", "differing"),
        ("subset_fraction_median", "evidence", "ends"),
    ],
)
@pytest.mark.parametrize("of", [lambda measure: measure, lambda measure: measure["groups"]["0"]], ids=["all", "class"])
def test_a_measure_that_lost_its_evidence_is_noticed(name, place, key, of):
    found = edited(rows=True, **{name: lambda measure: of(measure)[place].pop(key)})

    assert f".{place}.{key} is missing, but " in first_difference(found)


@pytest.mark.parametrize("region", ["edge", None])
def test_a_measure_of_another_region_is_noticed(region):
    def renamed(measure):
        measure["parameters"] |= {"region": region}
        measure["value"] = 0.0

    told = first_difference(edited(rows=True, shortcut_accuracy_excess=renamed))

    path = "models[0].searches[0].measures.shortcut_accuracy_excess.parameters.region"
    assert told == f"{path} is {region}, but ring or outside the objects was counted"


@pytest.mark.parametrize(("value", "told"), [(1, "at most 0.5, the upper end"), (0.1, "at least 0.2, the lower end")])
def test_a_value_outside_its_own_interval_is_noticed(value, told):
    def moved(measure):
        measure["interval"] |= {"low": 0.2, "high": 0.5}
        measure["value"] = value

    path = "models[0].searches[0].measures.border_share_median.value"
    differs = first_difference(edited(rows=True, border_share_median=moved))

    assert differs == f"{path} is {value}, but {told} of its interval, was counted"


@pytest.mark.parametrize(("field", "value"), [("method", "again"), ("level", 0.99)])
def test_an_interval_of_another_kind_is_noticed(field, value):
    found = edited(rows=False, border_share_median=lambda measure: measure["interval"].update({field: value}))

    assert f"border_share_median.interval.{field} is {value}, but " in first_difference(found)


def test_the_second_interval_of_a_difference_is_read_in_the_first_form_alone():
    def with_two(measure):
        measure["parameters"]["with_two_images_added"] = {"low": -1, "high": 1}

    found = of_an_older_release(edited(rows=False, shortcut_accuracy_drop=with_two))
    del found["models"][0]["searches"][0]["measures"]["shortcut_accuracy_excess"]
    assert "with_two_images_added" in first_difference(found)

    found["schema_version"] = 1

    assert first_difference(found) == ""


def test_a_check_of_an_ensemble_is_judged_by_its_own_kinds():
    found = test_ensembles.result(test_ensembles.LARGER, count=60)
    assert first_difference(found) == ""

    del found["mitigation"][0]["measures"]["accuracy_difference"]["evidence"]

    assert "accuracy_difference.evidence.ends is missing, but one was counted" in first_difference(found)


def test_every_measure_has_a_kind():
    rules = [one for one in known_rules().values() if one.kind is Kind.MEASURE]
    known = [*((one.part, one.name) for one in rules), *(("models", name) for name in measure_titles())]

    assert [one for one in [*known, *(("comparisons", name) for name in pair_titles())] if kind_of(*one) is None] == []
