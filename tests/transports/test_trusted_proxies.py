"""The caller's address behind a proxy: the rule, and both ports with it."""

import asyncio

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from modicum_server.domain.trusted_proxies import MARKS_OF_PROXIES, TrustedProxies
from modicum_server.settings import Settings
from modicum_server.transports.call_limits import Bounds
from pydantic import ValidationError

from tests.transports.test_limits_by_address import HERE
from tests.transports.transports_stage import TOKENS
from tests.waiting import PATIENCE_SECONDS

ONE, TWO = "10.0.0.7", "10.1.0.0/16"
CASES = {
    "not trusted": ("192.0.2.1", ["198.51.100.1"], "192.0.2.1"),
    "trusted": (ONE, ["198.51.100.1"], "198.51.100.1"),
    "no header": (ONE, [], ONE),
    "empty header": (ONE, [""], ONE),
    "spoofed on the left": (ONE, ["203.0.113.9, 198.51.100.1"], "198.51.100.1"),
    "two proxies": (ONE, ["198.51.100.1, 10.1.2.3"], "198.51.100.1"),
    "two proxies in two headers": (ONE, ["203.0.113.9", "198.51.100.1,10.1.2.3"], "198.51.100.1"),
    "spoofed before two proxies": (ONE, ["127.0.0.1, 198.51.100.1, 10.1.2.3"], "198.51.100.1"),
    "all trusted": (ONE, ["10.1.0.1, 10.1.0.2"], "10.1.0.1"),
    "malformed at once": (ONE, ["198.51.100.1, unknown"], ONE),
    "malformed behind a proxy": (ONE, ["198.51.100.1, _hidden, 10.1.2.3"], "10.1.2.3"),
    "empty entry": (ONE, ["198.51.100.1,,10.1.2.3"], "10.1.2.3"),
    "with a port": (ONE, ["198.51.100.1:4711"], "198.51.100.1"),
    "too long a port": (ONE, ["198.51.100.1:471100"], ONE),
    "IPv6": (ONE, ["2001:db8::1"], "2001:db8::1"),
    "IPv6 in brackets": (ONE, ["[2001:db8::1]"], "2001:db8::1"),
    "IPv6 with a port": (ONE, ["[2001:db8:0:0::1]:4711"], "2001:db8::1"),
    "half a bracket": (ONE, ["[2001:db8::1"], ONE),
    "IPv4 as IPv6 in the header": (ONE, ["198.51.100.1, ::ffff:10.1.2.3"], "198.51.100.1"),
    "IPv4 as IPv6 of the connection": ("::ffff:10.0.0.7", ["198.51.100.1"], "198.51.100.1"),
    "a proxy of IPv6": ("fd00::2", ["198.51.100.1"], "198.51.100.1"),
    "an unknown connection": ("", ["198.51.100.1"], ""),
    "a network in place of an address": (ONE, ["198.51.100.0/24"], ONE),
}


@pytest.mark.parametrize(("peer", "forwarded", "caller"), CASES.values(), ids=CASES)
def test_the_first_address_from_the_right_that_is_not_trusted_is_the_callers(peer, forwarded, caller):
    assert TrustedProxies([ONE, TWO, "fd00::/8"]).caller(peer, forwarded) == caller


def test_without_the_setting_no_header_is_believed():
    assert TrustedProxies().caller("127.0.0.1", ["198.51.100.1"]) == "127.0.0.1"


def test_the_setting_takes_addresses_and_networks(monkeypatch):
    monkeypatch.setenv("MODICUM_TRUSTED_PROXIES", " 10.0.0.7, fd00::/8 ,")

    assert Settings().trusted_proxies == ("10.0.0.7", "fd00::/8")


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("proxy.example.org", "expected addresses and networks such as 10.0.0.7"),
        ("10.0.0.7/8", "got '10.0.0.7/8'"),
        ("10.0.0.7 10.0.0.8", "expected addresses and networks"),
        ("0.0.0.0/0", "0.0.0.0/0 holds every address"),
        ("::/0", "::/0 holds every address"),
    ],
)
def test_a_bad_setting_is_refused_at_the_start(monkeypatch, value, told):
    monkeypatch.setenv("MODICUM_TRUSTED_PROXIES", value)

    with pytest.raises(ValidationError) as refused:
        Settings()

    assert told in str(refused.value)


async def status_of(served, path: str, *headers: str, token: str = "", address: str = HERE) -> int:
    """Ask over a new connection from this address of loopback, with these headers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http_port, local_addr=(address, 0))
    lines = [f"GET {path} HTTP/1.1", f"host: localhost:{served.http_port}", "connection: close", *headers]
    lines += [f"authorization: Bearer {token}"] if token else []
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1])


@pytest.mark.parametrize("header", MARKS_OF_PROXIES)
async def test_a_forwarded_request_on_loopback_reads_metrics_only_with_a_token(served, header):
    forwarded = f"{header}: 127.0.0.1"

    assert await status_of(served, "/metrics") == 200
    assert await status_of(served, "/metrics", forwarded) == 401
    assert await status_of(served, "/metrics", forwarded, token=TOKENS["viewer"]) == 200


class TestBehindAProxy:
    """The proxy is 127.0.0.1."""

    @pytest.fixture
    def settings(self, settings) -> Settings:
        return settings.model_copy(update={"max_calls_per_second": 1, "trusted_proxies": ("127.0.0.1",)})

    async def test_a_forwarded_request_on_loopback_reads_metrics_only_with_a_token(self, served):
        assert await status_of(served, "/metrics") == 200
        assert await status_of(served, "/metrics", "x-forwarded-for: 198.51.100.1") == 401
        assert await status_of(served, "/metrics", "x-forwarded-for: 127.0.0.1") == 401
        assert await status_of(served, "/metrics", "x-forwarded-for: unknown") == 401

    async def test_callers_have_limits_of_their_own(self, served):
        first = [await status_of(served, "/sign-in", "x-forwarded-for: 198.51.100.1") for _ in range(6)]
        other = await status_of(served, "/sign-in", "x-forwarded-for: 198.51.100.2")

        assert first == [200] * 5 + [429]
        assert other == 200

    async def test_a_caller_that_is_not_the_proxy_is_not_believed(self, served):
        names = [f"x-forwarded-for: 198.51.100.{number}" for number in range(6)]
        asked = [await status_of(served, "/sign-in", name, address="127.0.0.2") for name in names]

        assert asked == [200] * 5 + [429]

    @pytest.mark.parametrize("bounds", [Bounds(health_watches_of_address=1)])
    async def test_callers_of_grpc_have_limits_of_their_own(self, served):
        watch = health_pb2_grpc.HealthStub(served.channel).Watch

        def of(*headers: str) -> grpc.aio.UnaryStreamCall:
            metadata = tuple(("x-forwarded-for", header) for header in headers)
            return watch(health_pb2.HealthCheckRequest(), metadata=metadata)

        async with asyncio.timeout(PATIENCE_SECONDS):
            first, other = of("198.51.100.1"), of("198.51.100.2")
            begun = [await first.read(), await other.read()]
            spoofing = of("203.0.113.9", "198.51.100.1")
            code = await spoofing.code()

        assert grpc.aio.EOF not in begun
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
