"""Budgets: what they may be, when they stop an audit, and that they end what takes longer."""

import signal
import time

import pytest
from modicum.cli.budget import Budget, BudgetSpent, TimeToStop, budget_of
from modicum.errors import InvalidArgument

from tests.client.alarms import Alarms


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


@pytest.fixture
def alarms(monkeypatch):
    return Alarms(monkeypatch, began=0.0)


def test_the_searches_are_stopped_first_and_the_budget_is_spent_later(alarms):
    given, seen = Budget("8s", 8.0, started=0.0), []

    def work():
        with given.bounding():
            with pytest.raises(TimeToStop), given.bounding_searches():
                alarms.strike()
            seen.append(alarms.clock())
            alarms.strike()

    with pytest.raises(BudgetSpent):
        work()

    assert [*seen, alarms.clock()] == [given.stops, given.ends]


def test_a_spent_budget_interrupts_again_once_nothing_may_be_waited_for(alarms):
    given = Budget("8s", 8.0, started=0.0)

    with given.bounding():
        with pytest.raises(BudgetSpent):
            alarms.strike()
        with pytest.raises(BudgetSpent):
            alarms.strike()

    assert alarms.clock() == pytest.approx(given.exits)


def test_a_block_that_ends_in_time_leaves_no_timer_behind(alarms):
    with Budget("8s", 8.0, started=0.0).bounding():
        assert alarms.is_set

    assert not alarms.is_set


def test_an_alarm_that_comes_as_soon_as_the_timer_is_set_leaves_no_timer_behind(alarms, monkeypatch):
    def late(*when):
        alarms._set(*when)
        if when[1]:
            alarms.strike()

    before = signal.getsignal(signal.SIGALRM)
    monkeypatch.setattr(signal, "setitimer", late)

    with pytest.raises(BudgetSpent), Budget("8s", 8.0, started=0.0).bounding():
        pytest.fail("the block begins although its budget is spent")

    assert not alarms.is_set
    assert signal.getsignal(signal.SIGALRM) is before


def test_a_budget_that_was_spent_before_is_noticed_at_once():
    with pytest.raises(BudgetSpent), Budget("10s", 10.0, started=time.monotonic() - 100).bounding():
        time.sleep(600)


def test_without_a_budget_nothing_is_bounded():
    given = budget_of(None)

    with given.bounding(), given.bounding_searches():
        assert not given.limited
