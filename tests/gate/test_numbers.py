"""How numbers and shares are written, in the command, in reports and on the pages."""

import pytest
from modicum.gate.numbers import number, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.00"),
        (0.62, "0.62"),
        (0.0054, "0.0054"),
        (3e-05, "0.000030"),
        (1.2, "1.20"),
        (512, "512"),
        (-1380, "-1,380"),
    ],
)
def test_numbers_show_two_digits_or_two_decimals_and_no_exponent(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0%"), (3e-7, "0.000030%"), (0.0054, "0.54%"), (0.05, "5.0%"), (0.62, "62%"), (1, "100%"), (13.8, "1,380%")],
)
def test_percentages_show_two_digits(value, text):
    assert percent(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.9949, "99%"),
        (0.995, "99.5%"),
        (0.9994, "99.9%"),
        (0.9995, "99.95%"),
        (0.99998, "99.99%"),
        (1 - 1e-12, "100%"),
        (-0.997, "-99.7%"),
    ],
)
def test_a_share_of_nearly_all_is_not_written_as_all(value, text):
    assert percent(value) == text
