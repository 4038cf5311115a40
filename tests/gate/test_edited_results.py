"""What the gate notices in a result of the server that somebody edited."""

import json
import re
from dataclasses import replace
from functools import reduce
from operator import getitem

import pytest
from modicum.gate import intervals, reading_rules
from modicum.gate.measured_again import BY_REGION, MEASURES
from modicum.gate.recount import first_difference
from modicum_server.domain.searches import TargetRule
from modicum_server.domain.statistics import Statistics
from modicum_server.measures.registry import measure_titles
from modicum_server.measures.rows import finding_row

from tests.gate.server_documents import (
    CATS,
    EVERYONE,
    FINDINGS,
    RATES,
    every_outcome,
    of_an_older_release,
    reported,
    served,
    trial,
)
from tests.measures.example_audit import SEARCH, document_and_rows

OTHER_CLASS = replace(SEARCH, target_rule=TargetRule.RANDOM_OTHER)
RESULTS = {
    "for the predicted class": {},
    "for another class": {"searches": (OTHER_CLASS,)},
    "at another level": {"statistics": Statistics(level=0.8, alpha=0.2)},
}
"""Options of results that hold every measure, in each kind of search."""
NOT_TAKEN = {"border_share_median", *(name for name in measure_titles() if name.startswith("pixel_subsets_"))}
"""Measures of what the rows of a report lack."""


@pytest.mark.parametrize("options", RESULTS.values(), ids=RESULTS)
def test_a_result_of_the_server_says_what_its_rows_say(options):
    assert first_difference(reported(every_outcome(), **options)) == ""


def test_every_measure_but_those_of_what_a_report_lacks_is_taken_again():
    assert {*MEASURES, *BY_REGION["ring"]} == set(measure_titles()) - NOT_TAKEN


def dotted(path):
    """A path as differences name it: models[0].counts."""
    return "".join(f"[{name}]" if isinstance(name, int) else f".{name}" for name in path).removeprefix(".")


def holder(part, path):
    """What holds the last name of a path."""
    return reduce(getitem, path[:-1], part)


def edit(*path, to, named=""):
    """A path into the search of a result, another value, and how the difference that must be named begins."""
    return pytest.param(path, to, named or f"{dotted(path)} is {to}, but ", id=dotted(path))


#: What a person might edit.
EDITS = [
    *(edit("counts", name, to=3) for name in ("images", "eligible", "not_eligible", "with_subset", "failed")),
    *(edit("counts", name, to=30) for name in ("baseline_confident", "budget_exhausted", "saturated")),
    *(
        edit("measures", name, *path, to=999)
        for name in ("accuracy", "eligible_share", "baseline_confident_share", "fill_survival_black", *RATES)
        for path in (("n",), ("parameters", "successes"))
    ),
    *(edit("measures", name, "groups", "0", "n", to=900) for name in ("overinterpretation_rate", "accuracy")),
    *(
        edit("measures", name, *path, to=0.123)
        for name in ("subset_fraction_median", "dilated_confidence_median", "object_share_median")
        for path in (("value",), ("interval", "low"))
    ),
    *(
        edit("measures", name, "evidence", "ends", 2, 1, to=0.123, named=f"measures.{name}.evidence.ends is [[0.05, ")
        for name in ("subset_fraction_median", "dilated_confidence_median", "object_share_median")
    ),
    edit("measures", "accuracy", "value", to=0.99),
    edit("measures", "accuracy", "interval", "high", to=0.99),
    edit("measures", "subset_fraction_median", "groups", "1", "value", to=0.99),
    edit("measures", "shortcut_accuracy_drop", "value", to=0.0),
    edit("measures", "shortcut_accuracy_excess", "value", to=0.99),
    edit("measures", "shortcut_accuracy_drop", "groups", "0", "parameters", "differing", to=0),
    edit("readings", 0, "outcome", to="THIS_CLASS"),
    edit("readings", 0, "statements", to=1),
    edit("readings", 1, "outcomes", 14, 1, to="SURVIVES", named="readings[1].outcomes[14] is SURVIVES, but "),
]


@pytest.mark.long_after(12)
@pytest.mark.parametrize(("path", "number", "named"), EDITS)
def test_an_edited_number_is_named(path, number, named):
    result = json.loads(json.dumps(reported(every_outcome())))
    part = holder(result["models"][0]["searches"][0], path)
    assert part[path[-1]] != number
    part[path[-1]] = number

    assert first_difference(result).startswith(f"models[0].searches[0].{named}")


def test_a_difference_is_told_in_one_short_line_that_can_be_printed():
    edited = spot_tested()
    edited["spots"][0]["rows"][1]["label"] = "\x1b[31mred\nPASS" + "x" * 5000

    told = first_difference(edited)

    assert told.startswith(r"spots[0].rows[1].label is \x1b[31mred\x0aPASSxxx")
    assert told.endswith("x…, but cat was counted")
    assert len(told) < 300


def test_a_class_that_was_removed_is_noticed():
    result = json.loads(json.dumps(reported(every_outcome())))
    del result["models"][0]["searches"][0]["measures"]["accuracy"]["groups"]["1"]

    assert (
        first_difference(result) == "models[0].searches[0].measures.accuracy.groups.1 is missing, but one was counted"
    )


@pytest.mark.parametrize("name", ["accuracy", "subset_fraction_median", "shortcut_accuracy_drop"])
def test_the_removal_of_all_classes_is_noticed(name):
    result = json.loads(json.dumps(reported(every_outcome())))
    del result["models"][0]["searches"][0]["measures"][name]["groups"]

    assert first_difference(result) == f"models[0].searches[0].measures.{name}.groups.0 is missing, but one was counted"


def test_a_result_of_an_older_release_may_lack_all_classes():
    result = of_an_older_release(reported(every_outcome()[:-1]))
    del result["models"][0]["searches"][0]["measures"]["accuracy"]["groups"]

    assert first_difference(result) == ""


READ = {
    "class_targeted": "THIS_CLASS",
    "fill": "SURVIVES",
    "fill_robust": "FEW_PIXELS",
    "dilated": "SURVIVES",
    "mask_only": "SHAPE",
    "random": "THESE_PIXELS",
    "pixel_subsets": "FEW_PIXELS",
}
"""A settled outcome of each control whose rule stands in the client."""


@pytest.mark.parametrize("control", READ)
def test_a_reading_whose_measures_were_removed_is_noticed(control):
    document, _ = document_and_rows(every_outcome())
    search = json.loads(json.dumps(document["models"][0]["searches"][0]))
    rule = reading_rules.RULES[control]
    search["measures"] = {name: one for name, one in search["measures"].items() if not name.startswith(rule.prefix)}
    said = {"control": control, "outcome": READ[control], "statements": 3}
    search["readings"] = [{**said, "outcomes": [[tail, READ[control]] for tail in intervals.TAILS]}]

    differs = first_difference({**document, "models": [{**document["models"][0], "searches": [search]}]})

    assert differs == f"models[0].searches[0].readings[0].outcome is {READ[control]}, but INCONCLUSIVE was counted"


@pytest.mark.parametrize(("successes", "told"), [(999, "at most {n}"), (-1, "at least 0")])
def test_a_count_that_cannot_be_is_noticed_without_rows(successes, told):
    document, _ = document_and_rows(every_outcome())
    document = json.loads(json.dumps(document))
    measure = document["models"][0]["searches"][0]["measures"]["fill_survival_black"]
    measure["parameters"]["successes"] = successes

    assert first_difference(document) == (
        "models[0].searches[0].measures.fill_survival_black.parameters.successes is "
        f"{successes}, but {told.format(n=measure['n'])} was counted"
    )


@pytest.mark.parametrize("field", [{"value": None}, {"unit": "ratio"}])
def test_a_count_that_cannot_be_is_noticed_whatever_else_was_edited(field):
    document, _ = document_and_rows(every_outcome())
    document = json.loads(json.dumps(document))
    measure = document["models"][0]["searches"][0]["measures"]["fill_survival_black"]
    measure["parameters"]["successes"] = 999
    measure |= field

    assert "fill_survival_black.parameters.successes is 999" in first_difference(document)


def test_a_result_without_rows_that_contradicts_itself_is_noticed():
    document, _ = document_and_rows(every_outcome())
    reading = next(one for one in document["models"][0]["searches"][0]["readings"] if one["control"] == "dilated")
    assert first_difference(document) == ""

    reading["outcome"] = "DESTROYED"

    assert first_difference(document).endswith("].outcome is DESTROYED, but SURVIVES was counted")


def test_a_result_of_an_older_release_is_compared_by_counts_and_shares_alone():
    result = of_an_older_release(reported(every_outcome()[:-1]))
    search = result["models"][0]["searches"][0]
    search["measures"]["subset_fraction_median"]["value"] = search["readings"][0]["outcome"] = "as it was called then"
    assert first_difference(result) == ""

    search["measures"]["accuracy"]["n"] += 1

    assert first_difference(result).startswith("models[0].searches[0].measures.accuracy.n is ")


SPOT_EDITS = [
    (("outcome",), "NONE_FOUND"),
    (("rows", 1, "whole_outcome"), "NONE_FOUND"),
    (("rows", 1, "outcome"), "NONE_FOUND"),
    (("rows", 1, "places", 0, "measures", "spot_pasted_difference", "value"), 0.01),
    (("rows", 1, "places", 0, "measures", "spot_pasted_difference", "interval", "high"), 0.02),
    (("rows", 1, "places", 0, "pasted", 0, "here"), 0),
]


@pytest.mark.parametrize(("path", "value"), SPOT_EDITS, ids=[".".join(map(str, path)) for path, _ in SPOT_EDITS])
def test_an_edited_spot_test_is_noticed(path, value):
    document, _ = served(trial(EVERYONE[:CATS], follow=True))
    document = json.loads(json.dumps(document))
    assert first_difference(document) == ""
    part = holder(document["spots"][0], path)
    part[path[-1]] = value

    assert first_difference(document).startswith("spots[0].")


@pytest.mark.parametrize("path", [("outcome",), ("rows", 1, "whole_outcome"), ("rows", 1, "outcome")])
def test_an_outcome_of_a_spot_test_that_was_removed_is_noticed(path):
    document, _ = served(trial(EVERYONE[:CATS], follow=True))
    document = json.loads(json.dumps(document))
    part = holder(document["spots"][0], path)
    del part[path[-1]]

    assert first_difference(document) == f"spots[0].{dotted(path)} is None, but DECISIVE was counted"


def spot_tested(**more):
    """A report with rows, whose spot test has its trials on images of their class."""
    document, _ = served(trial(EVERYONE[:CATS], follow=True))
    return json.loads(json.dumps({**document, "rows": [finding_row(one) for one in FINDINGS], **more}))


def test_a_spot_test_of_the_images_in_the_rows_is_taken():
    assert first_difference(spot_tested()) == ""


def test_a_spot_test_of_more_images_than_the_rows_have_is_noticed():
    edited = spot_tested()
    edited["spots"][0]["rows"][1]["sources"] += 1

    assert first_difference(edited) == f"spots[0].rows[1].sources is {CATS + 1}, but {CATS} was counted"


def test_a_spot_test_on_images_of_another_class_is_noticed():
    edited = spot_tested()
    edited["spots"] = spot_tested(spots=served(trial(EVERYONE[CATS:], follow=False))[0]["spots"])["spots"]

    told = f"spots[0].rows[1].places[0].pasted: the predicted class of image {CATS} is 0, but 1 was counted"
    assert first_difference(edited) == told


def test_a_spot_test_of_some_images_is_not_counted_again():
    edited = spot_tested()
    edited["specification"]["controls"][0]["images"] = CATS
    edited["spots"][0]["rows"][0]["sources"] += 1

    assert not first_difference(edited).startswith("spots[0].rows[0].sources")


def test_a_row_that_was_removed_is_noticed():
    result = reported(every_outcome())
    rows = result["findings"]["rows"]

    assert (
        first_difference({**result, "rows": result["rows"][1:]})
        == f"findings.rows is {rows}, but {rows - 1} was counted"
    )


def test_an_accuracy_of_more_images_than_had_a_label_is_noticed():
    edited = reported(every_outcome())
    edited["dataset"]["with_labels"] = 0

    (path, said, counted), *_ = re.findall(r"(.*) is (\d+), but at least (\d+) was counted", first_difference(edited))

    assert (path, said) == ("dataset.with_labels", "0")
    assert int(counted) > 0
