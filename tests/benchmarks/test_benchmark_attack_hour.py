"""The long attack: its turns and figures, its tables, and a short run through a real nginx."""

import asyncio

import pytest

from benchmarks import __main__ as command
from benchmarks.attack import hour
from benchmarks.attack.attackers import Sizes
from benchmarks.attack.hour_picture import draw
from benchmarks.attack.hour_tables import attack_hour, budgets
from benchmarks.attack.hour_turns import AFTER, BEFORE, TOGETHER, rotation, row, stretches, turns
from benchmarks.attack.proxy import PROGRAMS
from benchmarks.attack.tables import met_rows
from benchmarks.subjects import Absent
from tests import machine

SIZES = Sizes(silent=20, bodies=6, watches=20, downloads=2, guesses=4, calls=10, frames=5, broken=10)
SAMPLED = {"api_mib": 300.0, "nginx_mib": 20.0, "api_sockets": 30, "nginx_sockets": 15}
QUIET_ROW = {"turn": BEFORE, "calls": 240, "failed": 0, "p50_ms": 10.0, "p99_ms": 20.0, **SAMPLED}
ROWS = [
    QUIET_ROW,
    {**QUIET_ROW, "turn": TOGETHER, "p50_ms": 40.0, "p99_ms": 500.0, "api_mib": 700.0, "api_sockets": 900},
    {**QUIET_ROW, "turn": TOGETHER, "p50_ms": 50.0, "p99_ms": 400.0},
    {**QUIET_ROW, "turn": "frames"},
    {**QUIET_ROW, "turn": AFTER, "api_mib": 350.0},
]
CALLS = {"GetAudit": {"calls": 60, "p50_ms": 3.0, "p99_ms": 4.0}}
FIGURES = {
    "sizes": {"frames": 5, "broken": 10},
    "minutes": 3,
    "minute_seconds": 60.0,
    "rows": ROWS,
    "calls": {"without": CALLS, "under attack": CALLS},
    "failures": {"without": {}, "under attack": {}},
    "met": {"frames": {"begun": 8, "pings, closed": 5}},
    "probed": {"calls": 200, "shown": []},
}


def test_all_parts_attack_for_as_many_minutes_as_there_are_parts_and_then_each_alone():
    assert rotation(("bodies", "frames"), 6) == [TOGETHER, TOGETHER, "bodies", "frames", TOGETHER, TOGETHER]


@pytest.mark.parametrize(("minutes", "quiet"), [(1, 1), (3, 1), (12, 3), (60, 5)])
def test_quiet_minutes_come_before_the_attack_and_after_it(minutes, quiet):
    planned = turns(("bodies", "frames"), minutes)

    assert len(planned) == minutes + 2 * quiet
    assert (planned.count(BEFORE), planned.count(AFTER)) == (quiet, quiet)
    assert (planned[:quiet], planned[-quiet:]) == ([BEFORE] * quiet, [AFTER] * quiet)


def test_minutes_of_one_turn_go_on_without_a_break():
    assert list(stretches([BEFORE, TOGETHER, TOGETHER, "frames", TOGETHER])) == [
        (BEFORE, 1),
        (TOGETHER, 2),
        ("frames", 1),
        (TOGETHER, 1),
    ]


def test_a_minute_has_the_median_and_p99_of_all_its_calls_in_milliseconds():
    timings = {
        "GetAudit": [0.001 * place for place in range(50)],
        "ListAudits": [0.001 * (50 + place) for place in range(51)],
    }

    figures = row(TOGETHER, timings, 2, SAMPLED)

    assert figures == {"turn": TOGETHER, "calls": 101, "failed": 2, "p50_ms": 50.0, "p99_ms": 99.0, **SAMPLED}


def test_a_minute_in_which_no_call_succeeds_has_no_latency():
    figures = row(TOGETHER, {}, 240, SAMPLED)

    assert (figures["calls"], figures["failed"], figures["p50_ms"], figures["p99_ms"]) == (0, 240, None, None)


def test_its_tables_show_the_worst_minute_of_each_turn_and_say_how_long_it_was():
    page = "\n".join(attack_hour(FIGURES))

    assert "run for 3 minutes, with 1 minute without" in page
    assert "| all parts | 2 | 480 | 0 | 50.0 ms | 500.0 ms | 700 MiB | 20 MiB | 900 | 15 |" in page
    assert "| frames | 8 | pings, closed: 5 |" in page
    assert "200 calls" in page
    assert "No reply differed." in page


def test_its_budgets_are_met_by_what_stays_below_them():
    assert [line[1:] for line in budgets(FIGURES)] == [
        ("at most 1,000 ms", "500 ms", "met"),
        ("none", "0 of 720", "met"),
        ("none", "0 of 200 calls", "met"),
        ("at most 1,024 MiB", "400 MiB", "met"),
        ("at most 512 MiB", "50 MiB", "met"),
    ]
    assert list(budgets(None)) == []


def test_slow_minutes_failures_a_reply_that_shows_something_and_memory_are_not_met():
    bad = {**ROWS[1], "p99_ms": 1001.0, "failed": 1, "api_mib": 1400.0}
    rows = [ROWS[0], bad, {**ROWS[-1], "api_mib": 900.0}]

    told = budgets({**FIGURES, "rows": rows, "probed": {"calls": 200, "shown": ["GET /v1/{project}: 200"]}})

    assert [line[3] for line in told] == ["not met"] * 5


def test_its_picture_also_shows_a_minute_without_latency(tmp_path):
    draw([*ROWS, {**ROWS[1], "p50_ms": None, "p99_ms": None}], tmp_path / "images" / "hour.png")

    assert (tmp_path / "images" / "hour.png").stat().st_size > 0


def test_without_nginx_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(hour, "nginx_program", lambda: None)

    with pytest.raises(Absent, match=r"nginx was not found.*apt-get install"):
        hour.measure(60, quick=True)


def test_it_runs_only_if_it_is_named():
    assert "attack-hour" not in command.parts("", 60)
    assert list(command.parts("attack-hour", 60)) == ["attack-hour"]


@pytest.mark.long
def test_in_a_short_run_every_part_attacks_no_call_of_the_team_fails_and_nothing_is_shown():
    machine.program(*PROGRAMS, package="nginx-light")

    figures = asyncio.run(hour.besieged(SIZES, minutes=1, minute_seconds=15.0))

    assert [each["turn"] for each in figures["rows"]] == [BEFORE, TOGETHER, AFTER]
    assert figures["failures"] == {"without": {}, "under attack": {}}
    assert figures["probed"]["calls"] > 100
    assert figures["probed"]["shown"] == []
    parts = dict(each[:2] for each in met_rows(figures["met"]))
    assert {"silent, gRPC", "bodies of a viewer", "downloads", "guesses, HTTP", "frames", "watches", "broken"} <= set(
        parts
    )
    assert figures["met"]["broken"].keys() & {"INVALID_ARGUMENT", "INTERNAL"}, figures["met"]
