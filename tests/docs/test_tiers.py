"""What CONTRIBUTING says of the tests that `make test` leaves to `make test-all`."""

import pytest

from tests.tiers import LongAfter


class Row:
    """A row of a parametrised test, as pytest collects it."""

    def __init__(self, test: str, row: int, *marks: pytest.MarkDecorator) -> None:
        self.nodeid = f"tests/test_some.py::{test}[{row}]"
        self.marks = [mark.mark for mark in marks]

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return next((mark for mark in self.marks if mark.name == name), None)

    def add_marker(self, mark: pytest.MarkDecorator) -> None:
        self.marks.append(mark.mark)


def test_rows_after_the_first_ones_are_long_in_each_test_that_says_so():
    marks = LongAfter()
    rows = [
        *(Row("test_one", number, pytest.mark.long_after(2)) for number in range(4)),
        *(Row("test_two", number, pytest.mark.long_after(1)) for number in range(2)),
        *(Row("test_three", number) for number in range(3)),
    ]

    for row in rows:
        marks.pytest_itemcollected(row)

    long = [row.nodeid.partition("::")[2] for row in rows if row.get_closest_marker("long")]
    assert long == ["test_one[2]", "test_one[3]", "test_two[1]"]
