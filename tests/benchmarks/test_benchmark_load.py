"""Figures of a load run, from audits whose ends can be counted by hand."""

from datetime import UTC, datetime, timedelta

import pytest
from modicum.v1 import audit_pb2

from benchmarks.load_figures import fairness, outcome, pace, quantiles
from benchmarks.load_tables import budgets, load

BEGUN = datetime(2026, 1, 1, tzinfo=UTC)
State = audit_pb2.Audit


def audit(name: str, end: float | None = 1.0, *, state=State.STATE_SUCCEEDED, done: int = 1):
    """An audit that was requested a second before BEGUN and ended `end` seconds after it."""
    made = audit_pb2.Audit(name=name, state=state if end is not None else State.STATE_RUNNING)
    made.create_time.FromDatetime(BEGUN - timedelta(seconds=1))
    if end is not None:
        made.end_time.FromDatetime(BEGUN + timedelta(seconds=end))
    made.progress.images_total, made.progress.images_done = 1, done
    return made


def project(ends, prefix):
    return [audit(f"{prefix}{place}", end) for place, end in enumerate(ends)]


def test_audits_that_ended_once_each_are_neither_lost_nor_doubled():
    found = outcome({"p": ["a", "b"]}, {"p": [audit("a"), audit("b")]})

    assert found == {"acknowledged": 2, "ended": 2, "succeeded": 2, "lost": 0, "doubled": 0}


@pytest.mark.parametrize(
    ("stored", "lost", "doubled", "succeeded"),
    [
        pytest.param([audit("a")], 1, 0, 1, id="one that is not there"),
        pytest.param([audit("a"), audit("b", None)], 1, 0, 1, id="one that never ended"),
        pytest.param([audit("a"), audit("b"), audit("c")], 0, 1, 3, id="one without an acknowledgement"),
        pytest.param([audit("a"), audit("b"), audit("b")], 0, 1, 3, id="one that is listed twice"),
        pytest.param([audit("a"), audit("b", state=State.STATE_FAILED)], 0, 0, 1, id="one that failed"),
        pytest.param([audit("a"), audit("b", done=0)], 0, 0, 1, id="one without its finding"),
    ],
)
def test_lost_doubled_and_failed_audits_are_counted(stored, lost, doubled, succeeded):
    found = outcome({"p": ["a", "b"]}, {"p": stored})

    assert (found["lost"], found["doubled"], found["succeeded"]) == (lost, doubled, succeeded)


def test_the_pace_is_measured_from_the_start_to_the_last_end():
    found = pace({"p": project([1, 2, 3, 4], "a")}, BEGUN)

    assert found == {
        "seconds": 4.0,
        "audits_per_second": 1.0,
        "order_to_end_seconds": {"median": 3.5, "p99": pytest.approx(5.0, abs=0.1)},
    }


def test_with_turns_each_project_has_ended_as_many_or_all_of_its_audits():
    turns = {"large": project([1, 4, 7, 9, 11, 12], "l"), "small": project([2], "s"), "middle": project([3, 5, 8], "m")}

    found = fairness(turns)

    assert (found["due"], found["ended"]) == (
        {"large": 2, "small": 1, "middle": 2},
        {"large": 2, "small": 1, "middle": 1},
    )
    assert found["share"] == 0.5


def test_a_project_that_waits_for_the_largest_has_ended_none():
    served_first = {"large": project(range(9), "l"), "small": project([10, 11], "s")}

    assert fairness(served_first)["share"] == 0


def test_calls_have_their_median_and_their_99th_of_100():
    found = quantiles({"GetAudit": [place / 1000 for place in range(101)]})

    assert found == {"GetAudit": {"calls": 101, "p50_ms": 50.0, "p99_ms": 99.0}}


def run(count, **changes):
    figures = {
        "audits": count,
        "watches": 100,
        "order_seconds": 2.5,
        **outcome({"p": ["a"]}, {"p": [audit("a")]}),
        **pace({"p": [audit("a")]}, BEGUN),
        "fairness": fairness({"projects/large": project([1, 2, 3], "l"), "projects/small": project([1], "s")}),
        "calls": quantiles({"GetAudit": [0.001]}),
        "watched": {"attached": 100, "events": 300, "ended": 100, "resumed": 0, "backwards": 0},
        "peak_mib": {"API": 110.0, "worker": 100.0, "model process": 300.0},
    }
    return {**figures, **changes}


def part(last):
    growth = {"API": 1.1, "worker": 1.3}
    return {"model": "a model", "passes": 12, "slots": 2, "runs": [run(500), last], "growth": growth}


def test_a_good_run_meets_its_budgets():
    found = [(measured, verdict) for _, _, measured, verdict in budgets(part(run(10_000)))]

    assert found == [
        ("0 lost, 0 doubled, 1 succeeded", "met"),
        ("100 saw it, 0 went back", "met"),
        ("1.00", "met"),
        ("1.10", "met"),
        ("1.30", "not met"),
    ]


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"lost": 1}, 0),
        ({"doubled": 1}, 0),
        ({"succeeded": 0}, 0),
        ({"watched": {"attached": 100, "events": 300, "ended": 99, "resumed": 0, "backwards": 0}}, 1),
        ({"watched": {"attached": 100, "events": 300, "ended": 100, "resumed": 0, "backwards": 1}}, 1),
        ({"fairness": {"share": 0.89}}, 2),
    ],
)
def test_a_lost_audit_breaks_a_budget(changes, row):
    assert [verdict for _, _, _, verdict in budgets(part(run(10_000, **changes)))][row] == "not met"


def test_the_page_shows_both_runs_side_by_side():
    page = "\n".join(load(part(run(10_000))))

    assert "|  | 500 audits | 10,000 audits |" in page
    assert "| lost | 0 | 0 |" in page
    assert "| projects/small | 1 | 1 | 1 |" in page
    assert "| GetAudit | 1 | 1.0 ms | 1.0 ms |" in page
    assert "| worker | 100 MiB | 100 MiB | **1.30** |" in page
