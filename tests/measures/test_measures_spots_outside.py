"""What a report says of places outside known objects: what they were compared with, and where nothing could be."""

from dataclasses import replace

import pytest
from modicum_server.codec.records import message_of, record_of
from modicum_server.domain.documents import SPOT_ROW, document_of, value_of
from modicum_server.domain.searches import Control, ControlPlan
from modicum_server.domain.spots import SpotKind, SpotPlace, SpotRow, SpotTrial
from modicum_server.generated import worker_pb2

from tests.measures.example_audit import VERSION, document_and_rows
from tests.measures.test_measures_spots import CATS, FINDINGS, IMAGES, spot_test, trial

RING = SpotPlace(SpotKind.RING, 2, 2)
PATTERN = SpotPlace(SpotKind.PATTERN, 3, 2, 1, 4, b"\x84")
AS_MANY = "that moves at least 90% as many pixels"


def left_out(count: int | None, tested: SpotTrial) -> SpotTrial:
    """The trial with so many pairs left out; None is what earlier releases stored."""
    changed = [replace(one, left_out=count) for one in (tested.pasted, tested.covered)]
    return replace(tested, pasted=changed[0], covered=changed[1])


def reading(*trials: SpotTrial, together: tuple[SpotTrial, ...]) -> str:
    rows = {VERSION: [SpotRow(None, IMAGES, together), SpotRow(0, CATS, trials)]}
    document, _ = document_and_rows(FINDINGS, spots=rows, plans=(ControlPlan(Control.SPOT),))
    (said,) = [one["text"] for one in document["models"][0]["searches"][0]["readings"] if one["control"] == "spot"]
    return str(said)


@pytest.mark.parametrize(
    ("place", "compared"),
    [
        pytest.param(None, f"a random spot of its size {AS_MANY}", id="window"),
        pytest.param(RING, f"a band nearer the middle {AS_MANY}", id="ring"),
        pytest.param(PATTERN, f"the same pattern copied from another class {AS_MANY}", id="pattern"),
    ],
)
def test_a_place_outside_is_said_to_be_compared_with_what_moves_as_many_pixels(place, compared):
    beside = left_out(0, trial(follow=True, outside=True))
    beside = beside if place is None else replace(beside, place=place)

    _, cats, said = spot_test(trial(follow=False, share=0.4), beside)

    assert cats["outcome"] == "SHORTCUT"
    assert f"(0% with {compared})" in said
    assert "left out" not in said
    assert [(one["outside"], one["matched"]) for one in cats["places"]] == [(False, False), (True, True)]


def test_a_place_of_an_earlier_release_keeps_its_outcome_and_is_not_said_to_be_compared_so():
    beside = left_out(None, trial(follow=True, outside=True))

    _, cats, said = spot_test(trial(follow=False, share=0.4), beside)

    assert (cats["outcome"], cats["places"][1]["matched"]) == ("SHORTCUT", False)
    assert cats["places"][1]["places"][0]["pasted"]["left_out"] is None
    assert "(0% with a random spot of its size)" in said


def test_pairs_that_were_left_out_are_told():
    beside = left_out(12, trial(follow=True, outside=True))

    _, cats, said = spot_test(trial(follow=False, share=0.4), beside)

    assert cats["places"][1]["places"][0]["pasted"]["left_out"] == 12
    assert "12 of 32 pairs of pictures were left out: no other place there moves as many pixels." in said


def test_where_no_pair_could_be_compared_the_reading_does_not_say_none_found():
    known = trial(follow=False, share=0.4)

    said = reading(known, together=(known,))

    assert "Outside the objects no spot was tested for all classes together and cat" in said
    assert "too few pairs of pictures could be compared there" in said
    assert "None was found" not in said


def test_a_place_with_too_few_compared_sources_is_not_tested_and_makes_no_shortcut():
    few = left_out(13, trial(follow=True, outside=True))
    seven = {
        name: getattr(few.pasted, name)[:7] for name in ("sources", "others", "here", "elsewhere", "tops", "lefts")
    }
    few = replace(few, pasted=replace(few.pasted, **seven), covered=replace(few.covered, **seven))
    known = trial(follow=False, share=0.4)

    said = reading(known, few, together=(known, left_out(0, trial(follow=False, outside=True))))
    _, cats, _ = spot_test(known, few)

    assert (cats["outcome"], cats["outside_outcome"], cats["shortcut"]) == ("NONE_FOUND", "INCONCLUSIVE", "")
    assert "Outside the objects no spot was tested for cat: too few pairs" in said
    assert said.endswith(
        "For the others no spot was found there either. 1 class has too few images for a test of its own."
    )


def test_nothing_is_said_of_objects_where_none_are_known():
    known = trial(follow=False)

    assert "objects" not in reading(known, together=(known,))


def test_rows_of_an_earlier_release_are_read_with_pairs_left_out_unknown():
    row = SpotRow(0, CATS, (left_out(3, trial(follow=True, outside=True)),))
    stored = document_of(SPOT_ROW, row)
    del stored["trials"][0]["pasted"]["left_out"]

    (read,) = value_of(SPOT_ROW, stored).trials

    assert (read.pasted.left_out, read.covered.left_out) == (None, 3)


@pytest.mark.parametrize("count", [None, 0, 3])
def test_pairs_left_out_cross_the_worker_s_border_unset_or_set(count):
    row = SpotRow(0, CATS, (left_out(count, trial(follow=True, outside=True)),))

    crossed = record_of(message_of(row, worker_pb2.SpotRow), SpotRow)

    assert [one.pasted.left_out for one in crossed.trials] == [count]
