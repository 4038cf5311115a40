"""A result that says to be of an older release, or of fewer pictures, than the rest of it shows."""

import json

import pytest
from modicum.gate.recount import first_difference
from modicum_server.domain.spots import SpotKind

from tests.gate.server_documents import CATS, EVERYONE, every_outcome, reported, served, trial

REPORT = json.dumps(reported(every_outcome()))
NEWER = ("with_labels", "with_boxes", "with_masks")


def downgraded(version, *, without=(), rows=True):
    """A report that says to be of an older version of the form, without some keys of `dataset`."""
    found = json.loads(REPORT)
    found["schema_version"] = version
    for key in without:
        del found["dataset"][key]
    if not rows:
        del found["rows"]
    return found


@pytest.mark.parametrize("rows", [True, False], ids=["with rows", "without rows"])
@pytest.mark.parametrize(
    ("found", "told"),
    [
        ({"version": 4}, "schema_version is 4, but 5, by the key dataset.with_labels, was counted"),
        ({"version": 4, "without": NEWER}, "schema_version is 4, but 5, by the key models[0].members, was counted"),
        ({"version": 4, "without": ("pictures",)}, "schema_version is 4, but 5, by the key dataset.with_labels,"),
        ({"version": 5, "without": ("pictures",)}, "dataset.pictures is missing, but one, by the key dataset.erased,"),
    ],
    ids=["version", "and labels", "and pictures", "pictures"],
)
def test_a_result_that_says_to_be_older_than_its_keys_is_noticed(found, told, rows):
    assert first_difference(downgraded(**found, rows=rows)).startswith(told)


@pytest.mark.parametrize(("version", "key"), [(2, "dataset.erased"), (2, "shortcut_accuracy_excess")])
def test_keys_of_each_form_tell_its_version(version, key):
    found = downgraded(version, without=NEWER)
    del found["models"][0]["members"]
    if key != "dataset.erased":
        del found["dataset"]["erased"], found["dataset"]["left_out"]

    assert key in first_difference(found)


def test_an_erasure_that_took_no_picture_is_noticed():
    found = json.loads(REPORT)
    found["dataset"]["erased"] = 1

    assert first_difference(found) == "dataset.erased is 1, but 0 was counted"


def test_an_erasure_in_another_data_set_may_have_taken_none():
    found = json.loads(REPORT)
    found["dataset"]["erased"] = 1
    found["specification"]["counterfactual_dataset"] = "projects/default/datasets/other"

    assert not first_difference(found).startswith("dataset.erased")


def twice_tested():
    """A document whose spot test has a window and own windows for each class."""
    own = trial(EVERYONE[:CATS], follow=False, kind=SpotKind.OWN)
    found, _ = served(trial(EVERYONE[:CATS], follow=False), own)
    return json.loads(json.dumps(found))


def test_a_row_of_the_spot_test_that_lost_a_kind_of_place_is_noticed():
    told = "spots[0].rows[0].places is without own windows, but own windows, as in other rows, was counted"
    assert first_difference(twice_tested()) == told


def test_a_row_that_lost_its_windows_is_noticed():
    found = twice_tested()
    for row in found["spots"][0]["rows"]:
        row["places"] = [{**row["places"][0], "own": True}, row["places"][0]]
    del found["spots"][0]["rows"][2]["places"][1]

    assert first_difference(found).startswith("spots[0].rows[2].places is without fixed places, but ")


def test_a_row_without_places_may_stand_beside_others():
    found = twice_tested()
    for row in found["spots"][0]["rows"]:
        row["places"] = row["places"] if len(row["places"]) > 1 else []

    assert "places is without" not in first_difference(found)
