"""docs/faults.md against the table of faults."""

from tests.faults import page
from tests.faults.table import FAULTS


def test_the_page_lists_exactly_the_faults_of_the_table():
    assert page.names() == [fault.name for fault in FAULTS]


def test_no_two_faults_have_one_name():
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)
