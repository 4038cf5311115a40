"""Callers without a token have limits by their address: scrapes, public pages and files."""

import asyncio
from dataclasses import dataclass

import pytest
from modicum_server.settings import Settings
from modicum_server.transports.http.address_limits import BEGUN_AT_ONCE, address_limits
from modicum_server.transports.http.pages.assets import asset
from modicum_server.usecases.review_errors import ReviewerUnknown
from modicum_server.usecases.reviewing import Reviewing
from modicum_server.usecases.shares import BURST_SECONDS, READS_AT_ONCE, CallRates
from starlette.types import Receive, Scope, Send

from tests.transports.transports_stage import TOKENS
from tests.waiting import PATIENCE_SECONDS

CROWD = 200
HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


@dataclass(frozen=True)
class Answer:
    status: int
    head: str
    text: str


async def ask(served, path: str, *, token: str = "", cookie: str = "", address: str = HERE) -> Answer:
    """Ask over a new connection from this address of loopback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http_port, local_addr=(address, 0))
    given = f"authorization: Bearer {token}\r\n" if token else f"cookie: {cookie}\r\n"
    writer.write(
        f"GET {path} HTTP/1.1\r\nhost: localhost:{served.http_port}\r\n{given}connection: close\r\n\r\n".encode()
    )
    head, _, text = (await reader.read()).decode().partition("\r\n\r\n")
    writer.close()
    return Answer(int(head.split()[1]), head.lower(), text)


class TestFewCallsASecond:
    """One call a second, and so five at once."""

    @pytest.fixture
    def settings(self, settings) -> Settings:
        return settings.model_copy(update={"max_calls_per_second": 1})

    @pytest.mark.parametrize("token", ["", TOKENS["viewer"]], ids=["without a token", "of a viewer"])
    async def test_scrapes_of_one_caller_are_limited_and_another_goes_on(self, served, token):
        answers = [await ask(served, "/metrics", token=token) for _ in range(int(BURST_SECONDS) + 1)]
        other = await ask(served, "/metrics", token=token and TOKENS["admin"], address=ELSEWHERE)

        assert [one.status for one in answers] == [200] * int(BURST_SECONDS) + [429]
        assert "\r\nretry-after: 1\r\n" in answers[-1].head
        assert "makes more than 1 calls a second" in answers[-1].text
        assert other.status == 200

    @pytest.mark.long_after(2)
    @pytest.mark.parametrize("path", ["/sign-in", "/openapi.json", "/docs", asset("pages.css")])
    async def test_what_everybody_may_read_is_limited_by_address(self, served, path):
        answers = [await ask(served, path) for _ in range(int(BURST_SECONDS) + 1)]
        other = await ask(served, path, address=ELSEWHERE)

        assert [one.status for one in answers] == [200] * int(BURST_SECONDS) + [429]
        assert "\r\nretry-after: 1\r\n" in answers[-1].head
        assert other.status == 200


async def test_pages_of_strangers_take_turns_by_their_address(served, monkeypatch):
    at_once, go_on, held = [], asyncio.Event(), asyncio.Event()

    async def now(_self, secret: str) -> None:
        if secret == "held":
            at_once.append(secret)
            held.set()
            await go_on.wait()
        raise ReviewerUnknown

    monkeypatch.setattr(Reviewing, "now", now)
    cookie = f"modicum_review_{served.http_port}="
    crowd = [asyncio.create_task(ask(served, "/review", cookie=f"{cookie}held")) for _ in range(CROWD)]
    async with asyncio.timeout(PATIENCE_SECONDS):
        await held.wait()

    other = await ask(served, "/review", cookie=f"{cookie}other", address=ELSEWHERE)
    begun = len(at_once)
    go_on.set()
    answers = await asyncio.gather(*crowd)

    assert other.status == 401
    assert begun <= READS_AT_ONCE
    assert [one.status for one in answers] == [401] * CROWD


async def test_what_needs_no_turn_begins_a_few_at_a_time_in_each_round_of_the_loop():
    begun = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        begun.append(scope["client"][0])

    limits = address_limits(CallRates(of_principal=CROWD, of_project=1))
    limited = limits.cls(app, *limits.args, **limits.kwargs)
    callers = [HERE] * CROWD + [ELSEWHERE]
    await asyncio.gather(*(limited({"type": "http", "client": (one, 1), "headers": []}, None, None) for one in callers))

    assert sorted(begun) == callers
    assert begun.index(ELSEWHERE) <= 2 * BEGUN_AT_ONCE
