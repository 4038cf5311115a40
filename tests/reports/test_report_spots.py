"""The spot test on the page: its table, and pictures of copies that changed the class."""

import io
import re
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest
from modicum_server.domain.findings import Subset
from modicum_server.domain.spots import (
    SpotKind,
    SpotPlace,
    SpotRegion,
    SpotRow,
    SpotTrial,
    SpotWindow,
)
from modicum_server.measures.intervals import Interval
from modicum_server.measures.measure import Measure
from modicum_server.reports.spots import shown_place
from modicum_server.reports.wording import interval_ends, value_text
from PIL import Image

from tests.measures.example_audit import SIDE, VERSION
from tests.reports.report_pages import page_of, read
from tests.reports.spot_rows import CAT_IMAGES, CORNER, FINDINGS, NOTHING, PATTERN, bright, outcomes, rows


def pictures_of(page: str) -> list[np.ndarray]:
    """The pictures of the spot test."""
    section = page.split("Does a small spot decide?")[1].split("</section>", maxsplit=1)[0]
    uris = [part.split('"')[0] for part in section.split('<img src="')[1:]]
    return [np.asarray(Image.open(io.BytesIO(b64decode(uri.split(",")[1]))).convert("RGB")) for uri in uris]


def test_the_table_says_what_each_class_follows_and_where():
    page = page_of(FINDINGS, spots=rows())

    said = read(page)
    assert not said.unbalanced
    assert said.pictures_without_text == 0
    assert "cat decisive 2 pixels high and 3 wide, 1 from the top, 4 from the left 100% (0%)" in said.text


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("place", "said"),
    [
        (SpotPlace(SpotKind.RING, 1, 1), "a ring of 1 pixel at the edge 100%"),
        (SpotPlace(SpotKind.OWN, 2, 2), "2 pixels high and 2 wide, where each picture's own evidence is densest"),
        (PATTERN, "a pattern of 2 pixels, 3 pixels high and 2 wide, 1 from the top, 4 from the left 100% (0%)"),
    ],
)
def test_places_of_every_kind_are_named(place, said):
    windows = tuple(SpotWindow(at, 0, 0) for at in range(CAT_IMAGES)) if place.kind is SpotKind.OWN else ()

    assert said in read(page_of(FINDINGS, spots=rows(place, windows=windows))).text


def test_a_copy_is_shown_as_the_model_saw_it_with_its_source_and_the_other_picture():
    source, other, copy, *others = pictures_of(page_of(FINDINGS, load_image=bright, spots=rows()))

    region = np.zeros((SIDE, SIDE), dtype=bool)
    region[1:3, 4:7] = True
    assert (copy[region] == source[region]).all()
    assert (copy[~region] == other[~region]).all()
    assert not (source == other).all()
    assert len(others) == 6, "three copies are shown, in three pictures each"


@pytest.mark.parametrize(("named", "shown"), [({"shown": 1}, 1), ({"shown": None}, 0), ({}, 0)])
def test_the_place_that_the_examples_are_about_is_told(named, shown):
    """A document of before this was named shows the place with the highest lower end."""
    places = [{"measures": {"spot_pasted_difference": {"interval": {"low": low}}}} for low in (0.3, 0.2)]

    assert shown_place({"places": places, **named}) is places[shown]


def test_classes_with_a_spot_come_first_and_stand_out():
    nothing, found = rows(follow=False)[VERSION][1], rows()[VERSION][1]
    spots = {VERSION: [rows()[VERSION][0], nothing, replace(found, target_class=1)]}

    page = page_of(FINDINGS, spots=spots)

    said = read(page).text
    assert said.index("dog decisive") < said.index("cat none found")
    table = page.split("The spot test by class")[1]
    assert table.count('class="found">') == 1
    assert re.search('<tr[^>]* class="found"><th scope="row">dog</th><td><span class="tag look">', table)


def test_places_that_the_halves_chose_have_shares_of_their_own():
    (trial,) = rows()[VERSION][1].trials
    none = replace(trial, half=1, place=replace(CORNER, top=0), pasted=outcomes(follow=False))
    spots = {VERSION: [rows()[VERSION][0], SpotRow(0, CAT_IMAGES, (trial, none))]}

    said = read(page_of(FINDINGS, spots=spots)).text

    places = [f"2 pixels high and 3 wide, {top} from the top, 4 from the left" for top in (1, 0)]
    assert f"{' / '.join(places)} 100% (0%) / 0% (0%)" in said


def test_a_pattern_that_could_not_be_covered_is_said_not_to_be_tested_so():
    (trial,) = rows(PATTERN)[VERSION][1].trials
    uncovered = replace(trial, covered=NOTHING)
    other = replace(trial, half=1, place=CORNER)

    alone, both = (
        read(page_of(FINDINGS, spots={VERSION: [rows()[VERSION][0], SpotRow(0, CAT_IMAGES, trials)]})).text
        for trials in ((uncovered,), (uncovered, other))
    )

    assert "100% (0%); by 85 to 100 points more not tested 20" in alone
    assert "cat sufficient" in alone
    assert "points more not tested / 100% (0%); by 85 to 100 points more" in both


def test_a_difference_is_in_percentage_points():
    difference = Measure(-0.035, "difference", 40, Interval(-0.12, 0.006, "", 40))

    page = read(page_of(FINDINGS, spots=rows())).text
    assert "100% (0%); by 85 to 100 points more" in page
    assert "“By … points more” is the 95% interval of the difference." in page
    assert (value_text(difference), interval_ends(difference)) == ("-3.5 points", "-12 to 0.60")


def test_copies_are_captioned_with_the_share_of_copies_that_worked():
    tested = rows()[VERSION]
    (trial,) = tested[1].trials
    some = replace(trial.pasted, here=(True,) * 15 + (False,) * 5)
    spots = {VERSION: [tested[0], replace(tested[1], trials=(replace(trial, pasted=some),))]}

    assert "cat Examples of the 75% of copies that worked." in read(page_of(FINDINGS, spots=spots)).text


def test_of_a_pattern_its_own_pixels_are_copied():
    source, other, copy, *_ = pictures_of(page_of(FINDINGS, load_image=bright, spots=rows(PATTERN)))

    changed = (copy != other).any(axis=2)
    assert np.argwhere(changed).tolist() == [[1, 4], [3, 5]]
    assert (copy[changed] == source[changed]).all()


def test_an_own_window_is_shown_where_it_lies_in_its_source():
    windows = tuple(SpotWindow(at, 6, 5) for at in range(CAT_IMAGES))
    place = SpotPlace(SpotKind.OWN, 2, 3)

    source, other, copy, *_ = pictures_of(page_of(FINDINGS, load_image=bright, spots=rows(place, windows=windows)))

    changed = (copy != other).any(axis=2)
    assert changed[6:, 5:].all()
    assert changed.sum() == 6
    assert (copy[6:, 5:] == source[6:, 5:]).all()


def test_a_copy_outside_the_objects_is_shown_with_the_pixels_that_were_copied():
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    mask[2, 5:7] = True
    region = Subset(np.packbits(mask).tobytes(), SIDE, SIDE, 2)
    found = outcomes(follow=True)
    beside = SpotTrial(0, CORNER, (), found, found, outside=True, regions=(SpotRegion(0, CAT_IMAGES, region),))
    tested = rows()[VERSION]
    spots = {VERSION: [tested[0], replace(tested[1], trials=(*tested[1].trials, beside))]}

    page = page_of(FINDINGS, load_image=bright, spots=spots)

    source, other, copy, *_ = pictures_of(page)
    assert ((copy != other).any(axis=2) == mask).all()
    assert (copy[mask] == source[mask]).all()
    assert "cat shortcut" in read(page).text
    assert "outside: only what lies outside the objects was copied" in read(page).text


def test_names_of_classes_are_escaped_wherever_they_stand():
    hostile = ("<script>alert(1)</script>", '"><img src=x onerror=y>', "owl & co")

    page = page_of(FINDINGS, labels=hostile, class_labels={VERSION: hostile}, spots=rows())

    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert not read(page).unbalanced
    assert f"{hostile[0]} decisive" in read(page).text


def test_nothing_found_shows_a_table_and_no_picture():
    page = page_of(FINDINGS, spots=rows(follow=False))

    assert "cat none found" in read(page).text
    assert pictures_of(page) == []


def test_a_picture_that_is_gone_leaves_the_table():
    page = page_of(FINDINGS, load_image=lambda _: None, spots=rows())

    assert "cat decisive" in read(page).text


def test_a_page_without_the_test_has_no_section():
    assert "Does a small spot decide?" not in page_of(FINDINGS)
