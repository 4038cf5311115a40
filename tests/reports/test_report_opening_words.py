"""What the first screen says of large subsets, and of verdicts."""

from tests.measures.example_audit import finding
from tests.reports.test_report_opening import FEW, said


def test_large_subsets_are_not_called_small():
    text = said([finding(place, 46 + place) for place in range(12)])

    assert "The fewest pixels found that keep the model's answer." in text
    assert "small subsets" not in text


def test_the_first_screen_says_where_a_verdict_stands_and_not_that_there_is_none():
    text = said(FEW)

    assert "PASS or FAIL is a verdict by your policy and stands beside this report" in text
    assert "gives no PASS" not in text
