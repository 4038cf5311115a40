"""Budgets: what they may be, when they stop an audit, and that they end what takes longer."""

import time

import pytest
from modicum.cli.budget import Budget, BudgetSpent, TimeToStop, budget_of
from modicum.errors import InvalidArgument


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("10m", 600), ("1h", 3600), (" 1.5m ", 90), ("0.5s", 0.5)])
def test_a_budget_is_a_number_with_a_unit(text, seconds):
    assert budget_of(text).seconds == seconds


@pytest.mark.parametrize("text", ["10", "m", "0s", "-5s", "10 min", "1h30m", ""])
def test_anything_else_is_refused_with_what_was_expected(text):
    with pytest.raises(InvalidArgument, match="--budget: expected a time above 0 such as 90s, 10m or 1h"):
        budget_of(text)


@pytest.mark.parametrize(("seconds", "stops", "ends"), [(10, 5.5, 8), (400, 297, 397), (3600, 3477, 3597)])
def test_a_quarter_is_kept_for_what_follows_the_searches_and_a_moment_for_the_end(seconds, stops, ends):
    given = Budget("", seconds, started=0.0)

    assert (given.stops, given.ends) == (stops, ends)


def test_the_searches_are_stopped_first_and_the_budget_is_spent_later():
    given = Budget("1s", 1.0, started=time.monotonic())

    seen = []
    try:
        with given.bounding():
            try:
                with given.bounding_searches():
                    time.sleep(5)
            except TimeToStop:
                seen.append(time.monotonic())
            time.sleep(5)
    except BudgetSpent:
        seen.append(time.monotonic())

    assert len(seen) == 2
    assert given.stops <= seen[0] < given.ends <= seen[1] < given.ends + 2


def test_a_block_that_ends_in_time_leaves_no_timer_behind():
    with Budget("0.2s", 0.2, started=time.monotonic()).bounding():
        pass
    time.sleep(0.4)


def test_a_budget_that_was_spent_before_is_noticed_at_once():
    with pytest.raises(BudgetSpent), Budget("10s", 10.0, started=time.monotonic() - 100).bounding():
        time.sleep(5)


def test_without_a_budget_nothing_is_bounded():
    given = budget_of(None)

    with given.bounding(), given.bounding_searches():
        assert not given.limited
