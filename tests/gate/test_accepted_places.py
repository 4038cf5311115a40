"""When an accepted place turns an inconclusive class into a pass: never where the class was not assessed."""

import pytest

from tests.gate.documents import CLEAN, document, place, row, verdict

BOX = "{top: 8, left: 8, height: 4, width: 4}"
ACCEPT = f"accept:\n  - {{rule: spot, class: cat, place: {BOX}, reason: the lesion, owner: us}}\n"
DECIDES, ELSEWHERE = place((20, 0)), {"top": 20, "left": 20}


@pytest.mark.parametrize(
    ("places", "without", "accepted"),
    [
        pytest.param([DECIDES], "FAIL", "PASS", id="found"),
        pytest.param([place((6, 6))], "INCONCLUSIVE", "PASS", id="not settled, and the only place"),
        pytest.param([place((0, 7))], "INCONCLUSIVE", "INCONCLUSIVE", id="too few images"),
        pytest.param([place((7, 0))], "INCONCLUSIVE", "INCONCLUSIVE", id="too few images that follow"),
        pytest.param([DECIDES, place((0, 60), **ELSEWHERE)], "FAIL", "PASS", id="beside a place that is clear"),
        pytest.param([DECIDES, place((0, 9), **ELSEWHERE)], "FAIL", "INCONCLUSIVE", id="beside one not settled"),
        pytest.param([DECIDES, place((0, 3), **ELSEWHERE)], "FAIL", "INCONCLUSIVE", id="beside one of few images"),
        pytest.param([DECIDES, place((20, 0), **ELSEWHERE)], "FAIL", "FAIL", id="beside one that decides"),
    ],
)
def test_an_accept_passes_only_what_was_assessed(places, without, accepted):
    spots = (CLEAN[0], row(0, *places, label="cat"), CLEAN[2])

    assert [verdict(policy, document(spots=spots)).outcome for policy in ("", ACCEPT)] == [without, accepted]


def test_a_class_of_too_few_images_says_so():
    given = verdict(ACCEPT, document(spots=(CLEAN[0], row(0, place((0, 7)), label="cat"), CLEAN[2])))

    assert given.rules[0].worst.reason.endswith(
        "the accepted places were tested on fewer than 8 images, so the class is not assessed"
    )
