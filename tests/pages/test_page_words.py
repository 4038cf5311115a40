"""Names, times and numbers as pages write them."""

import re
from datetime import UTC, datetime
from importlib import resources
from itertools import chain

import pytest
from modicum.gate.tones import NONE_IN_ALL, TONES, tag_of
from modicum_server.domain.audits import AuditState
from modicum_server.domain.models import VersionState
from modicum_server.domain.reviews import ReviewOutcome
from modicum_server.domain.spot_swaps import SwapState
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.pages import words
from modicum_server.transports.http.pages.forms import Form

PAGES = resources.files("modicum_server.transports.http.pages")
TEMPLATES = PAGES / "templates"
OF_VERDICTS = {"PASS", "FAIL", "WAIVED"}
"""Words that pages mark in their own way: a report gives no verdict."""


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.62, "0.62"), (0.00031, "0.00031"), (1380.0, "1,380"), (-0.0016667, "-0.00167"), (12.345, "12.3")],
)
def test_numbers_are_written_as_people_write_them(value, text):
    assert words.decimal(value) == text


@pytest.mark.parametrize(
    ("unit", "value", "apart", "reach"),
    [
        ("share", "1.4%", "1.4 points", "1.4% to 50%"),
        ("pixels share", "1.4%", "1.4 points", "1.4% to 50%"),
        ("difference", "1.4 points", "1.4 points", "1.4 to 50"),
        ("ratio", "0.01 times", "0.01", "0.01 to 0.50"),
        ("confidence", "0.014", "0.014", "0.014 to 0.500"),
        ("pixels", "0.014 pixels", "0.014 pixels", "0.014 to 0.5"),
    ],
)
def test_figures_are_written_as_their_unit_is_read(unit, value, apart, reach):
    assert words.amount(0.014, unit) == value
    assert words.apart(0.014, unit) == apart
    assert words.reach(0.014, 0.5, unit) == reach


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59, "59 s"), (90, "2 min"), (7200, "2 h"), (9000, "2.5 h"), (200_000, "2 days")],
)
def test_lengths_of_time_are_rounded(seconds, text):
    assert words.span(seconds) == text


def test_a_time_is_told_in_utc():
    assert words.moment(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)) == "2 Jan 2026, 03:04 UTC"


def test_the_first_sentence_of_a_text_does_not_end_within_a_number():
    text = "It has 0.5 of them, e.g. dogs. The rest has none."

    assert words.first_sentence(text) == "It has 0.5 of them, e.g. dogs."


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ("the form is too large", "The form is too large."),
        ("projects/a/audits/b: there is none.", "projects/a/audits/b: there is none."),
        ("seen_by: expected an audit", "seen_by: expected an audit."),
    ],
)
def test_a_sentence_begins_with_a_capital_letter_but_for_names(message, text):
    assert words.sentence(message) == text


@pytest.mark.parametrize("typed", ["\u0663", "1_0", "\uff11", "\u00bd", "one"])
def test_numbers_in_forms_are_written_in_the_digits_0_to_9(typed):
    form = Form({"field": [typed]})

    for read in (form.whole, form.number):
        with pytest.raises(FieldInvalid, match="expected a"):
            read("field")


def test_numbers_in_forms_are_read_as_people_write_them():
    form = Form({"whole": ["12,000"], "signed": ["-1"], "part": ["0.9"], "small": ["1e-3"]})

    assert (form.whole("whole"), form.whole("signed")) == (12_000, -1)
    assert (form.number("part"), form.number("small")) == (0.9, 0.001)


@pytest.mark.parametrize("kind", [AuditState, VersionState, SwapState, VerdictOutcome, ReviewOutcome])
def test_every_state_and_outcome_has_a_shape(kind):
    assert set(kind) <= set(shapes())


def test_an_outcome_has_the_shape_and_the_tone_of_the_report():
    style = (PAGES / "static" / "pages.css").read_text(encoding="utf-8")
    tones = dict(re.findall(r"^(\.mark\.[^{]*) \{ color: var\(--(\w+)\); \}$", style, re.MULTILINE))
    of_reports = set(chain(*TONES.values())) - OF_VERDICTS
    told = {word: shape for word, shape in shapes().items() if word in of_reports}

    assert told.keys() >= {"SHORTCUT", "DECISIVE", "SUFFICIENT", "NONE_FOUND", NONE_IN_ALL, "INCONCLUSIVE"}
    for word, shape in told.items():
        (tone,) = (tone for classes, tone in tones.items() if f".mark.{word.lower()}" in classes.split(", "))
        assert (shape, tone) == (tag_of(word).shape, tag_of(word).tone), word


def shapes() -> dict[str, str]:
    """The shape of each word that a page marks."""
    parts = (TEMPLATES / "parts.html.j2").read_text(encoding="utf-8")
    written = re.search(r"{% set SHAPES = ({.*?}) %}", parts, re.DOTALL)[1]
    return dict(re.findall(r'"(\w+)": "(.)"', written))
