"""A small attack on a real server: memory is bounded, limits refuse, and another team's calls succeed."""

import asyncio

import pytest

from benchmarks.attack.attackers import Sizes
from benchmarks.attack.run import attacked
from benchmarks.attack.tables import attack, budgets

SIZES = Sizes(silent=250, bodies=100, watches=30, downloads=4, guesses=4, calls=10)
WATCHES = 10
#: Bodies that were read whole would take 180 MiB more.
MOST_MIB = 220
#: How a connection ends that the server closes while its attacker still sends.
CUT = {"ConnectionResetError", "BrokenPipeError", "closed"}
#: What each part meets in time, however slowly the attackers come to it.
MET = {
    "bodies of a viewer": "403",
    "bodies of an auditor": "429",
    "watches": "RESOURCE_EXHAUSTED",
    "silent, HTTP": "closed",
    "guesses, gRPC": "UNAUTHENTICATED",
    "calls": "OK",
}
FIGURES = {
    "sizes": {"silent": 1, "bodies": 2, "watches": 3, "downloads": 4, "guesses": 5, "calls": 6},
    "seconds": {"before": 1.0, "during": 2.0, "after": 0.0},
    "memory_mib": {"before": 100.0, "peak": 150.0, "after": 120.0},
    "calls": {
        "without": {"GetAudit": {"calls": 9, "p50_ms": 1.0, "p99_ms": 2.0}},
        "under attack": {"GetAudit": {"calls": 7, "p50_ms": 3.0, "p99_ms": 4.0}},
    },
    "failures": {"without": {}, "under attack": {}},
    "met": {"watches": {"begun": 8, "RESOURCE_EXHAUSTED": 5}},
}
FIGURES["alone"] = {"bodies": {"calls": FIGURES["calls"], "memory_mib": {"before": 100.0, "peak": 130.0}}}


@pytest.mark.long
def test_a_small_attack_meets_limits_takes_bounded_memory_and_makes_no_call_of_another_team_fail():
    settings = {"MODICUM_MAX_WATCHERS_PER_PRINCIPAL": str(WATCHES)}

    figures = asyncio.run(
        attacked(SIZES, before_seconds=2.0, during_seconds=6.0, after_seconds=0.0, awaited=MET, **settings)
    )

    met, memory = figures["met"], figures["memory_mib"]
    assert figures["failures"] == {"without": {}, "under attack": {}}
    assert memory["peak"] - memory["before"] < MOST_MIB, figures
    assert all(met[part][outcome] for part, outcome in MET.items()), met
    assert set(met["bodies of a viewer"]) <= {"begun", "403", *CUT}
    assert set(met["guesses, HTTP"]) <= {"begun", "401", *CUT}
    assert set(met["guesses, gRPC"]) == {"begun", "UNAUTHENTICATED"}


def test_its_tables_show_memory_calls_and_what_was_met():
    page = "\n".join(attack(FIGURES))

    assert [line[1:] for line in budgets(FIGURES)] == [
        ("at most 512 MiB", "50 MiB", "met"),
        ("at most 1,000 ms", "4 ms (GetAudit)", "met"),
        ("none", "0 of 7", "met"),
    ]
    assert "| GetAudit | 9 | 1.0 ms | 2.0 ms | 7 | 3.0 ms | 4.0 ms |" in page
    assert "| watches | 8 | RESOURCE_EXHAUSTED: 5 |" in page
    assert "| bodies | 3.0 ms | 4.0 ms | 30 MiB |" in page


def test_a_part_of_the_attack_is_chosen_by_its_name():
    assert SIZES.only("bodies") == Sizes(silent=0, bodies=100, watches=0, downloads=0, guesses=0, calls=0)


def test_a_call_that_failed_a_slow_one_and_memory_beyond_the_budget_are_not_met():
    failed = {"without": {}, "under attack": {"GetAudit: AioRpcError": 1}}
    slow = {"without": {}, "under attack": {"GetAudit": {"calls": 7, "p50_ms": 3.0, "p99_ms": 1001.0}}}
    memory = {"before": 100.0, "peak": 700.0, "after": 100.0}

    told = budgets({**FIGURES, "memory_mib": memory, "failures": failed, "calls": slow})

    assert [line[3] for line in told] == ["not met", "not met", "not met"]
