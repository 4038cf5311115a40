"""docs/reference/faults.md matches the table of faults and keeps the results of earlier runs."""

from dataclasses import replace
from pathlib import Path

import pytest

from tests.faults import page
from tests.faults.fault import Fault
from tests.faults.table import FAULTS

FAULT = FAULTS[0]


@pytest.fixture
def own_page(tmp_path):
    """A page for the test, with two passed seeds."""
    path = tmp_path / "faults.md"
    for seed in (1, 2):
        page.write(FAULTS, FAULT, seed, "SUCCEEDED after 3 s", path)
    return path


def entry(fault: Fault, path: Path) -> page.Entry:
    return page.read([fault], path)[fault.name]


def test_the_page_lists_exactly_the_faults_of_the_table():
    assert page.names() == [fault.name for fault in FAULTS]


def test_every_fault_has_its_own_name():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def test_the_page_keeps_the_last_run_and_the_passed_seeds(own_page):
    assert entry(FAULT, own_page) == page.Entry("SUCCEEDED after 3 s", (1, 2))
    assert page.names(own_page) == [fault.name for fault in FAULTS]


def test_a_failed_run_removes_its_seed(own_page):
    page.write(FAULTS, FAULT, 2, None, own_page)

    assert entry(FAULT, own_page).seeds == (1,)


@pytest.mark.parametrize(
    "change", [{"injected": "another blow"}, {"signs": ()}, {"states": frozenset()}, {"strike": entry}]
)
def test_a_changed_row_keeps_no_seed(own_page, change):
    assert entry(replace(FAULT, **change), own_page) == page.Entry()
