"""The benchmark of the report: its tables name what was not measured, and what misses its budget."""

import pytest

from benchmarks import report, report_tables


@pytest.mark.long
def test_the_report_is_measured_without_a_browser(monkeypatch):
    monkeypatch.setattr(report, "_opened", lambda page, openings: None)

    part = report.measure(quick=True, images=20)

    assert part["images"] == 20
    assert part["megabytes"] > 1
    rows = "\n".join(report_tables.report(part))
    assert "first paint | not measured: there is no Chromium" in rows
    assert [row[0] for row in report_tables.budgets(part)] == ["report of 20 images"]


def test_a_page_that_is_too_large_or_too_slow_to_open_and_scroll_misses_its_budget():
    opened = {"openings": 1, "first_paint_median": 1_200.0, "first_paint_highest": 1_300.0, "screen_median": 51.0}
    part = {"images": 1_000, "side": 224, "megabytes": 26.0, "seconds": 1.0, "chromium": opened}

    assert [row[-1] for row in report_tables.budgets(part)] == ["not met"] * 3
