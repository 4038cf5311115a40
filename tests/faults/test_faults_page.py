"""docs/faults.md against the table of faults."""

from tests.faults import page
from tests.faults.table import FAULTS

SEEDS = 3


def test_the_page_lists_exactly_the_faults_of_the_table():
    assert page.names() == [fault.name for fault in FAULTS]


def test_every_row_was_green_with_three_seeds():
    assert {name: seeds for name, seeds in page.seeds().items() if len(set(seeds)) < SEEDS} == {}
