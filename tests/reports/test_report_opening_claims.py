"""Claims of the first screen: they say no more than was measured."""

from dataclasses import replace

import pytest
from modicum_server.domain.spots import SpotKind, SpotPlace, SpotRow

from tests.measures.example_audit import OTHER_VERSION, VERSION, finding
from tests.reports.spot_rows import CORNER, FINDINGS, outcomes, rows
from tests.reports.test_report_opening import said, several_spots

ELSEWHERE = replace(CORNER, top=3)
OWN = SpotPlace(SpotKind.OWN, 2, 3)
LABELS = ("three", "seven")


def halves_of(row: SpotRow, *places: SpotPlace) -> SpotRow:
    """The row with a place for each half."""
    (trial,) = row.trials
    return replace(row, trials=tuple(replace(trial, half=half, place=place) for half, place in enumerate(places)))


def pooled(place: SpotPlace) -> list[SpotRow]:
    """A test of all classes together alone, which follow the place."""
    (trial,) = rows(place)[VERSION][1].trials
    return [SpotRow(None, 40, (replace(trial, pasted=outcomes(follow=True)),))]


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("tested", "claim"),
    [
        ([halves_of(rows()[VERSION][1], CORNER, CORNER)], "The decision for “three” follows one small spot."),
        ([halves_of(rows()[VERSION][1], CORNER, ELSEWHERE)], "The decision for “three” follows small spots."),
        (
            [rows(OWN)[VERSION][1]],
            "The decision for “three” often follows a small spot, at a place chosen for each picture.",
        ),
        (pooled(CORNER), "With all classes pooled, decisions follow one small spot."),
        (
            pooled(OWN),
            "With all classes pooled, decisions often follow a small spot, at a place chosen for each picture.",
        ),
    ],
    ids=["one place", "two places", "own places", "pooled", "pooled own places"],
)
def test_a_claim_says_one_spot_only_where_there_is_one(tested, claim):
    text = said(FINDINGS, spots={VERSION: tested}, labels=LABELS, class_labels={VERSION: LABELS})

    assert text.startswith(f"decisive {claim}")


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("places", "claim"),
    [
        ((CORNER, ELSEWHERE), "Small spots can turn other pictures into “three”."),
        ((OWN, OWN), "A small spot, at a place chosen for each picture, can turn other pictures into “three”."),
    ],
    ids=["two places", "own places"],
)
def test_a_claim_of_a_spot_that_is_enough_says_one_spot_only_where_there_is_one(places, claim):
    row = halves_of(rows()[VERSION][1], *places)
    kept = replace(row, trials=tuple(replace(trial, covered=outcomes(follow=False)) for trial in row.trials))

    text = said(FINDINGS, spots={VERSION: [kept]}, labels=LABELS, class_labels={VERSION: LABELS})

    assert text.startswith(f"sufficient {claim}")


def test_several_classes_follow_spots_in_the_shares_that_the_table_has():
    text = said(FINDINGS, spots=several_spots(2), labels=LABELS, class_labels={VERSION: LABELS})

    assert text.startswith("decisive The decisions for “seven” and “three” follow small spots.")
    assert (
        "Pasted: the share of other pictures that each spot turns into its class. "
        "Covered: the share of pictures that lose the class." in text
    )


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("others", "claim"),
    [
        (rows(), "decisive Version 1: “three” follows one small spot. Both versions: decisive."),
        (
            rows(follow=False),
            "decisive Version 1: “three” follows one small spot. 1 of 2 versions: decisive.",
        ),
    ],
    ids=["both", "one of them"],
)
def test_a_claim_about_one_of_several_versions_names_it(others, claim):
    versions = (VERSION, OTHER_VERSION)
    findings = [replace(one, model_version=name) for name in versions for one in FINDINGS]
    spots = {VERSION: rows()[VERSION], OTHER_VERSION: others[VERSION]}

    text = said(findings, versions=versions, spots=spots, labels=LABELS, class_labels=dict.fromkeys(versions, LABELS))

    assert text.startswith(claim)


def test_the_name_of_a_model_stays_as_it_is_written():
    names = [f"projects/default/models/{name}/versions/1" for name in ("a", "b")]
    findings = [finding(place, 3, model_version=name) for name in names for place in range(12)]

    assert "a: " in said(findings, versions=names)[:40]
