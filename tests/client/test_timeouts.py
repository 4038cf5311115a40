"""A timeout must be a number of seconds. Others are refused before anything is sent or waited for."""

import asyncio
import math

import pytest
from modicum import AsyncClient, Client
from modicum.audit import AsyncAudit
from modicum.erasures import AsyncErasures
from modicum.errors import InvalidArgument
from modicum.models import AsyncModels

DEADLINE = r"^timeout_seconds: expected a number of seconds above 0 and at most 1,000,000, e.g. 60; got "
WAIT = r"^timeout_seconds: expected a number of seconds, 0 or more, e.g. 600; got "


@pytest.mark.parametrize("client", [Client, AsyncClient])
@pytest.mark.parametrize("given", [0, -1, math.nan, math.inf, 1e12, "60", None, True])
def test_a_deadline_that_no_call_could_have_is_refused(client, given):
    with pytest.raises(InvalidArgument, match=DEADLINE):
        client("127.0.0.1:1", timeout_seconds=given)


@pytest.mark.parametrize("given", [-1, math.nan, "60", True])
@pytest.mark.parametrize(
    "waiting",
    [
        lambda seconds: AsyncModels(None).wait("m/1", timeout_seconds=seconds),
        lambda seconds: AsyncModels(None).register("m", weights="net.pt", timeout_seconds=seconds),
        lambda seconds: AsyncModels(None).ensemble("m", members=["a", "b"], timeout_seconds=seconds),
        lambda seconds: AsyncModels(None).input_dropout("m", member="a", timeout_seconds=seconds),
        lambda seconds: AsyncErasures(None).wait("e", timeout_seconds=seconds),
        lambda seconds: AsyncAudit.wait(None, seconds),
    ],
    ids=["wait", "register", "ensemble", "input_dropout", "erasure", "audit"],
)
def test_a_time_to_wait_that_is_no_number_of_seconds_is_refused(waiting, given):
    with pytest.raises(InvalidArgument, match=WAIT):
        asyncio.run(waiting(given))
