"""The first screen of a spot that was tested outside the objects: it claims what that test saw, and no more."""

from dataclasses import replace

import pytest
from modicum_server.domain.spots import SpotTrial

from tests.measures.example_audit import VERSION
from tests.reports.spot_rows import FINDINGS, outcomes, rows
from tests.reports.test_report_opening import said

HOW_SURE = "Of models that follow no spot, at most 5% would be named by mistake."


def first_screen(*, covered: bool = True, left_out: int | None = 0, more: int = 0) -> str:
    """That of one class or more whose copies are followed outside the objects."""
    pasted, lost = (replace(outcomes(follow=follow), left_out=left_out) for follow in (True, covered))
    together, cats = rows()[VERSION]
    beside = SpotTrial(0, cats.trials[0].place, (), pasted, lost, outside=True)
    found = replace(cats, trials=(replace(cats.trials[0], pasted=outcomes(follow=False)), beside))
    others = [replace(found, target_class=1 + at) for at in range(more)]
    return said(FINDINGS, spots={VERSION: [together, found, *others]})


def test_a_spot_outside_the_objects_is_told_as_a_shortcut():
    text = first_screen()

    assert text.startswith("shortcut The decision for “cat” follows a shortcut.")
    assert "Called a shortcut because only what lies outside the objects was copied and covered." in text
    assert "What to do next. It lies outside the known objects: train with it covered" in text
    assert "A random spot of its size that moves at least 90% as many pixels turns 0%" in text
    assert HOW_SURE in text


@pytest.mark.parametrize(
    ("more", "claim"),
    [
        (0, "One small spot can turn other pictures into “cat”: a shortcut."),
        (1, "Small spots can turn other pictures into “cat” and “dog”: a shortcut."),
    ],
)
def test_a_shortcut_that_is_enough_is_not_said_to_be_needed(more, claim):
    text = first_screen(covered=False, more=more)

    assert text.startswith(f"shortcut {claim}")
    assert "follows a shortcut" not in text
    assert "With the spot covered" not in text


@pytest.mark.parametrize("more", [0, 1])
def test_a_spot_that_an_earlier_release_tested_is_not_said_to_be_sure(more):
    text = first_screen(left_out=None, more=more)

    assert text.startswith("shortcut")
    assert "its comparison may have moved fewer pixels" in text
    assert "audit again." in text
    assert HOW_SURE not in text
