"""The axis of a trend holds its figures closely, from 0 on, with the unit of the measure."""

import pytest
from modicum_server.transports.http.pages.trend_drawing import BOTTOM, HEIGHT, TOP, drawing_of
from modicum_server.usecases.result_facts import Figure
from modicum_server.usecases.trends import Limit, Trend, TrendPoint

from tests.measures.example_audit import audit

VERSION = "projects/default/models/tiny/versions/1"


def trend(unit, *figures, limits=()):
    points = [
        TrendPoint(audit(), VERSION, Figure("Title", True, value, low, high, 0.95, 40, unit, ""), "")
        for value, low, high in figures
    ]
    return Trend("name", "Title", points, limits)


@pytest.mark.parametrize(
    ("unit", "figures", "ticks"),
    [
        ("share", [(0.012, 0.01, 0.018)], ["0%", "1.0%", "2.0%"]),
        ("share", [(0.62, 0.5, 0.97)], ["0%", "50%", "100%"]),
        ("share", [(1.0, None, None)], ["0%", "50%", "100%"]),
        ("difference", [(0.03, -0.04, 0.1)], ["-5.0 points", "2.5 points", "10 points"]),
        ("ratio", [(1.2, 1.1, 1.3)], ["0.00 times", "1.00 times", "2.00 times"]),
        ("share", [(0.0, None, None)], ["0%", "50%", "100%"]),
    ],
)
def test_the_ends_of_an_axis_are_round_and_near(unit, figures, ticks):
    assert [tick.text for tick in drawing_of(trend(unit, *figures)).ticks] == ticks


def test_small_shares_use_the_height_of_the_drawing():
    first, second = drawing_of(trend("share", (0.01, None, None), (0.02, None, None))).dots

    assert second.y == TOP
    assert first.y == (TOP + HEIGHT - BOTTOM) / 2
    assert first.text == "tiny version 1: 1.0%, n = 40"


def test_an_axis_holds_the_limits_and_each_is_a_line_with_words():
    limits = (Limit("decides above", 0.1), Limit("none found below", 0.2))

    drawing = drawing_of(trend("difference", (0.03, 0.01, 0.05), limits=limits))

    assert [tick.text for tick in drawing.ticks] == ["0 points", "10 points", "20 points"]
    assert [(line.text, line.y) for line in drawing.limits] == [
        ("decides above 10 points", (TOP + HEIGHT - BOTTOM) / 2),
        ("none found below 20 points", TOP),
    ]


def test_the_class_of_a_figure_stands_beside_it():
    figure = Figure("Title", True, 0.3, 0.2, 0.4, 0.95, 40, "difference", "", "cat")

    (dot,) = drawing_of(Trend("name", "Title", [TrendPoint(audit(), VERSION, figure, "")])).dots

    assert dot.text == "tiny version 1: 30 points (20 to 40), n = 40, class cat"
