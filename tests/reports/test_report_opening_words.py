"""What the first screen says of large subsets, of images that were not searched, and of verdicts."""

from tests.measures.example_audit import finding, not_eligible
from tests.reports.spot_rows import rows
from tests.reports.test_report_opening import FEW, said


def test_large_subsets_are_not_called_small():
    text = said([finding(place, 46 + place) for place in range(12)])

    assert "The fewest pixels found that keep the model's answer." in text
    assert "small subsets" not in text


def test_the_first_screen_says_where_a_verdict_stands_and_not_that_there_is_none():
    text = said(FEW)

    assert "For PASS or FAIL, run modicum judge with your policy." in text
    assert "gives no PASS" not in text


def test_a_spot_of_an_audit_that_searched_nothing_says_why_there_are_no_subsets():
    text = said(list(map(not_eligible, range(40))), spots=rows())

    assert text.startswith("decisive The decision for “cat” follows one small spot.")
    assert "None of 40 images reached the threshold of 0.9, so none was searched." in text
