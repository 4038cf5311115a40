"""Callers without a token have limits by their address: scrapes, public pages and files."""

import asyncio
from dataclasses import dataclass

import pytest
from modicum_server.settings import Settings
from modicum_server.usecases.shares import BURST_SECONDS

from tests.transports.transports_stage import TOKENS

HERE, ELSEWHERE = "127.0.0.1", "127.0.0.2"


@dataclass(frozen=True)
class Answer:
    status: int
    head: str
    text: str


async def ask(served, path: str, *, token: str = "", address: str = HERE) -> Answer:
    """Ask over a new connection from this address of loopback."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http_port, local_addr=(address, 0))
    given = f"authorization: Bearer {token}\r\n" if token else ""
    writer.write(f"GET {path} HTTP/1.1\r\nhost: localhost\r\n{given}connection: close\r\n\r\n".encode())
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
