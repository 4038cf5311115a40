"""Names, times and numbers as pages write them."""

from datetime import UTC, datetime

import pytest
from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Fill, Search, SearchMethod, TargetRule
from modicum_server.domain.statistics import Statistics
from modicum_server.transports.http.pages import words
from modicum_server.transports.http.pages.repeating import command_of, python_of
from modicum_server.usecases.controls import default_controls

CANVAS = Canvas(3, 224, 224)
VERSIONS = ("projects/default/models/net/versions/2",)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0"), (0.62, "0.62"), (0.00031, "0.00031"), (1380.0, "1,380"), (-0.0016667, "-0.00167"), (12.345, "12.3")],
)
def test_numbers_are_written_as_people_write_them(value, text):
    assert words.decimal(value) == text


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


def specification(**changed) -> AuditSpecification:
    searches = changed.pop("searches", (Search(SearchMethod.MASK_OPTIMIZATION, 0.9, passes=600),))
    plain = {"controls": default_controls(1, CANVAS), "seed": 0, "sample": 0, "device": "auto"} | changed
    return AuditSpecification(VERSIONS, "projects/default/datasets/few", CANVAS, searches, **plain)


def test_what_is_the_default_is_left_out_of_the_command():
    command = command_of(specification())

    assert command == "modicum audits create --model net/2 --dataset few --threshold 0.9 --passes 600"


def test_all_else_stands_in_the_command_and_in_the_lines_of_python():
    both = tuple(
        Search(SearchMethod.BACKSELECT, 0.95, fill=Fill.BLUR, fraction=0.5, target_rule=rule) for rule in TargetRule
    )
    asked = specification(
        searches=both,
        controls=(ControlPlan(Control.FILL_ROBUST, 16, 100), ControlPlan(Control.RANDOM)),
        seed=7,
        sample=40,
        device="cpu",
        statistics=Statistics(level=0.9),
        counterfactual_dataset="projects/default/datasets/other",
    )

    command, python = command_of(asked), python_of(asked)

    for words_ in (
        "--counterfactual other",
        "--method backselect",
        "--fraction 0.5",
        "--fill blur",
        "--target predicted --target random_other",
        "--control fill_robust:16:100 --control random",
        "--seed 7",
        "--sample 40",
        "--device cpu",
        "--level 0.9",
    ):
        assert words_ in command
    compile(python, "lines", "exec")
    for line in (
        "method='backselect'",
        "controls=['fill_robust:16:100', 'random']",
        "counterfactual='other'",
        "seed=7",
    ):
        assert line in python


def test_no_controls_are_asked_for_as_none():
    assert "--no-controls" in command_of(specification(controls=()))
