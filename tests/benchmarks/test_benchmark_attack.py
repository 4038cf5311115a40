"""A small attack on a real server: memory is bounded, limits refuse, and another team's calls succeed."""

import asyncio

import pytest

from benchmarks.attack.attackers import Sizes
from benchmarks.attack.run import attacked
from benchmarks.attack.tables import attack, budgets

SIZES = Sizes(silent=250, bodies=100, watches=30, downloads=4, guesses=4)
WATCHES = 10
#: Bodies that were read whole would take 180 MiB more.
MOST_MIB = 220


@pytest.fixture(scope="module")
def figures():
    settings = {"MODICUM_MAX_WATCHERS_PER_PRINCIPAL": str(WATCHES)}
    return asyncio.run(attacked(SIZES, before_seconds=2.0, during_seconds=6.0, after_seconds=0.0, **settings))


pytestmark = pytest.mark.xdist_group("attack")


def test_no_call_of_another_team_fails(figures):
    assert figures["failures"] == {"without": {}, "under attack": {}}
    assert {name for name, each in figures["calls"]["under attack"].items() if each["calls"]} == set(
        figures["calls"]["without"]
    )


def test_the_memory_that_it_takes_is_bounded(figures):
    memory = figures["memory_mib"]

    assert memory["peak"] - memory["before"] < MOST_MIB, figures


def test_each_part_meets_its_limit(figures):
    met = figures["met"]

    assert set(met["bodies of a viewer"]) == {"begun", "403"}
    assert met["bodies of an auditor"]["429"] >= SIZES.bodies // 2 - 4  # four of 4 MB have room in 16 MiB
    assert met["watches"]["RESOURCE_EXHAUSTED"] >= SIZES.watches - WATCHES
    assert met["silent, HTTP"]["closed"] >= SIZES.silent - 200
    assert set(met["guesses, HTTP"]) == {"begun", "401"}
    assert set(met["guesses, gRPC"]) == {"begun", "UNAUTHENTICATED"}


def test_its_tables_show_memory_calls_and_what_was_met(figures):
    page = "\n".join(attack(figures))
    [memory, failed] = budgets(figures)

    assert memory[1:] == ("at most 512 MiB", f"{_taken(figures):.0f} MiB", "met")
    assert failed[1] == "none"
    assert failed[3] == "met"
    assert "| watches | " in page
    assert "RESOURCE_EXHAUSTED: " in page
    assert "GET of an audit, with a new connection" in page


def _taken(figures) -> float:
    return figures["memory_mib"]["peak"] - figures["memory_mib"]["before"]


def test_a_call_that_failed_and_memory_beyond_the_budget_are_not_met(figures):
    worse = {
        **figures,
        "memory_mib": {"before": 100.0, "peak": 700.0, "after": 100.0},
        "failures": {"without": {}, "under attack": {"GetAudit: AioRpcError": 1}},
    }

    assert [line[3] for line in budgets(worse)] == ["not met", "not met"]
