"""A caller whose calls are refused or broken off gets few lines of the log, and the log says how many it left out."""

import grpc
import pytest
import structlog
from modicum_server.transports.calls import Call
from modicum_server.transports.refused_lines import MOST_CALLERS, PERIOD_SECONDS, RefusedLines

from tests.clock import Clock


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lines(clock) -> RefusedLines:
    return RefusedLines(most=3, clock=clock)


def test_a_caller_gets_so_many_lines_in_a_period_and_others_get_theirs(lines):
    assert [lines.admit("10.0.0.1") for _ in range(5)] == [True] * 3 + [False] * 2
    assert lines.admit("10.0.0.2")


def test_the_next_period_begins_with_the_number_of_calls_that_were_left_out(lines, clock):
    for caller in ("10.0.0.1", "10.0.0.2"):
        for _ in range(5):
            lines.admit(caller)
    clock.pass_seconds(PERIOD_SECONDS)

    with structlog.testing.capture_logs() as told:
        assert lines.admit("10.0.0.1")

    assert [(line["event"], line["calls"], line["callers"]) for line in told] == [("calls_not_logged", 4, 2)]


def test_callers_beyond_those_that_are_counted_apart_share_one_count(lines):
    for number in range(MOST_CALLERS):
        assert lines.admit(f"10.0.0.{number}")

    assert [lines.admit(f"10.0.1.{number}") for number in range(5)] == [True] * 3 + [False] * 2


class _Wire:
    def client_address(self) -> str:
        return "10.0.0.1"


def _ended(code: grpc.StatusCode, failure: Exception | None = None) -> Call:
    call = Call("/modicum.v1.AuditService/ListAudits", streaming=False, wire=_Wire())
    call.code, call.failure = code, failure
    return call


def test_calls_that_were_admitted_and_bugs_always_get_a_line(lines):
    for _ in range(5):
        lines.admit_call(_ended(grpc.StatusCode.UNAUTHENTICATED))

    assert not lines.admit_call(_ended(grpc.StatusCode.CANCELLED))
    assert lines.admit_call(_ended(grpc.StatusCode.OK))
    assert lines.admit_call(_ended(grpc.StatusCode.INTERNAL, RuntimeError()))
