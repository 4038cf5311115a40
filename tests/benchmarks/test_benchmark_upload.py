"""The benchmark of uploads: its table compares both ways, and its budget can be missed."""

import pytest

from benchmarks import upload_tables

PART = {"files": 10_000, "bytes": 2_500, "together": 10.0, "alone_files": 1_000, "alone": 20.0}


def test_both_ways_are_compared_by_the_file():
    text = "\n".join(upload_tables.upload(PART))

    assert "| together | 10,000 | 10.0 | 1.00 |" in text
    assert "| one by one | 1,000 | 20.0 | 20.00 |" in text
    assert "takes 20 times less time" in text


@pytest.mark.parametrize(("seconds", "told"), [(20.0, "met"), (20.1, "not met")])
def test_an_upload_that_takes_longer_misses_its_budget(seconds, told):
    ((name, *_, said),) = upload_tables.budgets({**PART, "together": seconds})

    assert (name, said) == ("upload of 10,000 files of 2,500 bytes", told)


def test_there_is_no_budget_where_nothing_was_measured():
    assert not list(upload_tables.budgets(None))
