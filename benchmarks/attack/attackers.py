"""The attack, as a process of its own: `python -m benchmarks.attack.attackers`, which reads a `Plan` as JSON.

It goes on until its standard input ends, and then prints how often each part met which outcome. It opens what it was
given, again and again, and reads no file. It has the lowest priority: a real attacker has a machine of its own, so what
is measured is the server, not the cores that both share here.
"""

import asyncio
import json
import logging
import os
import ssl
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from itertools import cycle
from pathlib import Path
from typing import Any

import grpc.aio
from modicum.v1 import audit_service_pb2
from modicum.v1.audit_service_pb2_grpc import AuditServiceStub
from modicum_server.processes.file_limits import raise_open_files

from benchmarks.attack.frames import BEGIN, FLOODS
from benchmarks.attack.relay import relayed

#: The first byte of a TLS handshake. Nothing comes after it.
BEGUN = b"\x16"
#: Of a body that is announced, as much as no reader needs in one piece, and never all of it.
BODY_BYTES, PIECE = 4_000_000, bytes(65_536)
#: Pause before a part that was refused or ended begins again.
PAUSE_SECONDS = 5.0
#: How long a download waits without reading, and a request for its reply.
SILENT_SECONDS = 90.0
#: The most that a connection of a flood of frames sends before it pauses.
FLOOD_BYTES = 8 * 1024**2
#: Not a message of any kind: field 15 ends in the midst of its length.
BROKEN, BROKEN_CODES = b"\x7a\xff", {"INVALID_ARGUMENT", "INTERNAL"}
#: What calls over gRPC has so many connections.
CONNECTIONS = 10
#: How long at most the attack goes on for the outcomes that its plan waits for.
MOST_WAITED_SECONDS = 300.0
#: As far below everything else as a process can go by `nice`.
LOWEST_PRIORITY = 19
Tally = dict[str, Counter[str]]
#: Its name, how many of it go on at once, and what each does again and again.
Part = tuple[str, int, Callable[[], Awaitable[str]]]


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many at once of each part: handshakes at each door, bodies, watches, downloads, guesses, callers.

    `frames`: connections that flood the gRPC port with frames of HTTP/2. `broken`: callers that send invalid messages.
    """

    silent: int
    bodies: int
    watches: int
    downloads: int
    guesses: int
    calls: int
    frames: int = 0
    broken: int = 0

    def parts(self) -> tuple[str, ...]:
        """Return the names of the parts that there are."""
        return tuple(name for name, count in asdict(self).items() if count)

    def only(self, part: str) -> "Sizes":
        """Return these with one part alone, by its name."""
        return Sizes(**{name: count if name == part else 0 for name, count in asdict(self).items()})


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to attack, by addresses and the file of its certificate, and with which tokens of one project.

    `source` is the address of loopback from which it connects, if not the usual one. `awaited` names an outcome for
    some parts. The attack does not end before each of these parts has met its outcome.
    """

    grpc_address: str
    http_address: str
    certificate: str
    auditor: str
    viewer: str
    project: str
    audit: str
    artifact: str
    sizes: Sizes
    source: str = ""
    awaited: dict[str, str] = field(default_factory=dict)

    def as_json(self) -> str:
        """Return it as one line."""
        return json.dumps(asdict(self))


def plan_of(text: str) -> Plan:
    """Read a plan."""
    told = json.loads(text)
    return Plan(**{**told, "sizes": Sizes(**told["sizes"])})


class Attackers:
    """Every part of the attack, and what it met."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._tls = ssl.create_default_context(cafile=plan.certificate)
        self._http2 = ssl.create_default_context(cafile=plan.certificate)
        self._http2.set_alpn_protocols(["h2"])
        self._floods = cycle(FLOODS)
        self.tally: Tally = {}
        self._awaited = set(plan.awaited.items())
        self._all_met = asyncio.Event()

    async def attack(self, told_to_end: Awaitable[object]) -> None:
        """Attack until `told_to_end` is done and what the plan waits for has happened."""
        async with self._channels() as channels:
            tasks = [
                asyncio.create_task(self._again_and_again(name, part))
                for name, count, part in [*self._without_grpc(), *self._by_grpc(channels)]
                for _ in range(count)
            ]
            await told_to_end
            await self._wait_for_what_is_awaited()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _without_grpc(self) -> Iterator[Part]:
        sizes, plan = self._plan.sizes, self._plan
        yield "silent, HTTP", sizes.silent, partial(self._silent, plan.http_address)
        yield "silent, gRPC", sizes.silent, partial(self._silent, plan.grpc_address)
        yield "bodies of a viewer", sizes.bodies // 2, partial(self._body, plan.viewer)
        yield "bodies of an auditor", sizes.bodies - sizes.bodies // 2, partial(self._body, plan.auditor)
        yield "downloads", sizes.downloads, self._download
        yield "guesses, HTTP", sizes.guesses // 2, self._guess
        yield "frames", sizes.frames, self._frames

    def _by_grpc(self, channels: Sequence[grpc.aio.Channel]) -> Iterator[Part]:
        sizes, stubs = self._plan.sizes, [AuditServiceStub(channel) for channel in channels]
        yield "guesses, gRPC", sizes.guesses - sizes.guesses // 2, partial(self._guess_by_grpc, stubs[0])
        for channel, stub in zip(channels, stubs, strict=True):
            yield "watches", sizes.watches // CONNECTIONS, partial(self._watch, stub)
            yield "calls", sizes.calls // CONNECTIONS, partial(self._call_on, stub)
            yield "broken", sizes.broken // CONNECTIONS, partial(self._break, channel)

    async def _wait_for_what_is_awaited(self) -> None:
        if self._awaited:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_met.wait(), MOST_WAITED_SECONDS)

    def _count(self, part: str, outcome: str) -> None:
        self.tally.setdefault(part, Counter())[outcome] += 1
        self._awaited.discard((part, outcome))
        if not self._awaited:
            self._all_met.set()

    async def _again_and_again(self, name: str, part: Callable[[], Awaitable[str]]) -> None:
        while True:
            self._count(name, "begun")
            try:
                outcome = await part()
            except (OSError, asyncio.IncompleteReadError) as error:
                outcome = type(error).__name__
            self._count(name, outcome)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _connected(
        self, address: str, tls: ssl.SSLContext | None = None
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        host, port = address.rsplit(":", 1)
        local = (self._plan.source, 0) if self._plan.source else None
        return await asyncio.open_connection(host, int(port), ssl=tls, local_addr=local, limit=1024)

    async def _silent(self, address: str) -> str:
        reader, writer = await self._connected(address)
        try:
            writer.write(BEGUN)
            await reader.read()
        finally:
            writer.close()
        return "closed"

    async def _body(self, token: str) -> str:
        async with self._asked("POST", f"/v1/{self._plan.project}/audits", token, length=BODY_BYTES) as (
            reader,
            writer,
        ):
            sending = asyncio.create_task(_send_most(writer))
            try:
                return await _status(reader)
            finally:
                sending.cancel()
                await asyncio.gather(sending, return_exceptions=True)

    async def _download(self) -> str:
        async with self._asked("GET", f"/v1/{self._plan.artifact}:download", self._plan.viewer) as (reader, _):
            status = await _status(reader)
            await asyncio.sleep(SILENT_SECONDS)  # and read nothing more
            return status

    async def _guess(self) -> str:
        async with self._asked("GET", f"/v1/{self._plan.project}/audits", "guessed") as (reader, _):
            return await _status(reader)

    async def _guess_by_grpc(self, stub: AuditServiceStub) -> str:
        request = audit_service_pb2.ListAuditsRequest(parent=self._plan.project)
        return await _code(stub.ListAudits(request, metadata=_metadata("guessed"), timeout=SILENT_SECONDS))

    async def _call_on(self, stub: AuditServiceStub) -> str:
        """List audits again and again until that is refused."""
        request = audit_service_pb2.ListAuditsRequest(parent=self._plan.project)
        while True:
            code = await _code(stub.ListAudits(request, metadata=_metadata(self._plan.auditor), timeout=SILENT_SECONDS))
            if code != "OK":
                return code
            self._count("calls", code)

    async def _watch(self, stub: AuditServiceStub) -> str:
        request = audit_service_pb2.WatchAuditRequest(name=self._plan.audit)
        watch = stub.WatchAudit(request, metadata=_metadata(self._plan.viewer))
        try:
            async for _ in watch:
                self._count("watches", "events")
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)
        return "OK"

    @asynccontextmanager
    async def _asked(self, verb: str, path: str, token: str, length: int = 0) -> Any:
        """Connect, send the head of a request, and yield both ends."""
        host = self._plan.http_address.rsplit(":", 1)[0]
        reader, writer = await self._connected(self._plan.http_address, self._tls)
        try:
            head = f"{verb} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n"
            body = f"Content-Type: application/json\r\nContent-Length: {length}\r\n" if length else ""
            writer.write(f"{head}{body}\r\n".encode())
            yield reader, writer
        finally:
            writer.transport.abort()

    async def _frames(self) -> str:
        """Send the next kind of frames on one connection until it is closed or enough was sent."""
        flood = next(self._floods)
        _, writer = await self._connected(self._plan.grpc_address, self._http2)
        try:
            await _send_frames(writer, FLOODS[flood]())
        except OSError:
            return f"{flood}, closed"
        finally:
            writer.transport.abort()
        return f"{flood}, all sent"

    async def _break(self, channel: grpc.aio.Channel) -> str:
        """Call with bytes that are not a message, again and again until they are refused as such no more."""
        call = channel.unary_unary("/modicum.v1.AuditService/ListAudits")
        while (code := await _code(call(BROKEN, metadata=_metadata(self._plan.viewer), timeout=SILENT_SECONDS))) in (
            BROKEN_CODES
        ):
            self._count("broken", code)
        return code

    @asynccontextmanager
    async def _channels(self) -> AsyncIterator[list[grpc.aio.Channel]]:
        address = self._plan.grpc_address
        credentials = grpc.ssl_channel_credentials(Path(self._plan.certificate).read_bytes())
        separate = (("grpc.use_local_subchannel_pool", 1),)  # equal channels would share a connection
        async with AsyncExitStack() as opened:
            if self._plan.source:
                address = await opened.enter_async_context(relayed(address, self._plan.source))
            channels = [grpc.aio.secure_channel(address, credentials, separate) for _ in range(CONNECTIONS)]
            yield [await opened.enter_async_context(channel) for channel in channels]


async def _send_most(writer: asyncio.StreamWriter) -> None:
    """Send a body but for its end."""
    for _ in range(BODY_BYTES // len(PIECE)):
        writer.write(PIECE)
        await writer.drain()


async def _send_frames(writer: asyncio.StreamWriter, pieces: Iterable[bytes]) -> None:
    """Send as much of a flood as one connection may."""
    writer.write(BEGIN)
    await writer.drain()
    sent = 0
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        sent += len(piece)
        if sent >= FLOOD_BYTES:
            return


async def _status(reader: asyncio.StreamReader) -> str:
    """Return the status of a reply, or how it failed to come."""
    try:
        async with asyncio.timeout(SILENT_SECONDS):
            line = await reader.readline()
    except TimeoutError:
        return "no reply"
    return line.split()[1].decode() if line else "closed"


async def _code(call: Awaitable[object]) -> str:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return str(error.code().name)
    return "OK"


def _metadata(token: str) -> tuple[tuple[str, str]]:
    return (("authorization", f"Bearer {token}"),)


async def main() -> None:
    """Read the plan, attack until the input ends, and print the tally."""
    os.nice(LOWEST_PRIORITY)
    raise_open_files()
    logging.disable()  # a line for each connection that the server closes
    attackers = Attackers(plan_of(sys.stdin.readline()))
    with suppress(KeyboardInterrupt):
        await attackers.attack(asyncio.to_thread(sys.stdin.read))
    print(json.dumps(attackers.tally), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
