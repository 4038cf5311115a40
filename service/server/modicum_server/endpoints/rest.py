"""The Open Inference Protocol over REST: one connection and one request each time, no redirects, few bytes."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import h11
import numpy as np
from pydantic import TypeAdapter, ValidationError

from modicum_server.domain.endpoints import Description, Tensor
from modicum_server.endpoints.answers import (
    TAKEN,
    Busy,
    EndpointRefused,
    NotReady,
    Scores,
    checked_scores,
    dtype_of,
    invalid,
)
from modicum_server.endpoints.connection import LARGEST_ANSWER_BYTES, Access, Batch

READ_BYTES = 64 * 1024
LARGEST_HEAD_BYTES = 32 * 1024
CONNECT_SECONDS = 5.0
LONGEST_WAIT_SECONDS = 3600.0
AGAIN = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
#: What MLServer answers while a model is not ready (400), and KServe's Python server, by its source (503).
NOT_READY = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class _Ready:
    ready: bool = True


@dataclass(frozen=True, slots=True)
class _Output:
    name: str
    datatype: str
    shape: tuple[int, ...]
    data: list[Any]


@dataclass(frozen=True, slots=True)
class _Answer:
    outputs: tuple[_Output, ...]


@dataclass(frozen=True, slots=True)
class _Said:
    name: str
    inputs: tuple[Tensor, ...] = ()
    outputs: tuple[Tensor, ...] = ()
    versions: tuple[str, ...] | None = ()


_ANSWER, _SAID, _READY = TypeAdapter(_Answer), TypeAdapter(_Said), TypeAdapter(_Ready)


class Rest:
    """An endpoint over REST."""

    def __init__(self, access: Access) -> None:
        self._access = access
        target = access.target
        version = f"/versions/{quote(target.version, safe='')}" if target.version else ""
        self._path = f"/v2/models/{quote(target.model, safe='')}{version}"
        self._tls = access.tls

    async def require_ready(self) -> None:
        """See that the model is ready. An endpoint that does not know the question passes. Raises Busy, TaskFailed."""
        status, headers, body = await self._answered("GET", f"{self._path}/ready", b"")
        if status in NOT_READY or (status == HTTPStatus.OK and _says_unready(body)):
            raise NotReady(_wait_of(headers))

    async def describe(self) -> Description:
        """Ask what the model is. Raises Busy, TaskFailed."""
        body = await self._exchange("GET", self._path, b"")
        try:
            said = _SAID.validate_json(body)
        except ValidationError as error:
            raise invalid("its description of the model does not follow the Open Inference Protocol v2") from error
        return Description(said.name, said.versions or (), said.inputs, said.outputs)

    async def scores(self, batch: Batch) -> Scores:
        """Return the scores (N, K) of a batch. Raises Busy, TaskFailed."""
        request = await asyncio.to_thread(self._request, batch)
        body = await self._exchange("POST", f"{self._path}/infer", request)
        return await asyncio.to_thread(self._scores, body, batch.shape[0])

    async def close(self) -> None:
        """Nothing stays open."""

    def _request(self, batch: Batch) -> bytes:
        entry = self._access.entry
        values = np.frombuffer(batch.values, "<f4").tolist()
        tensor = {"name": entry.input_name, "shape": batch.shape, "datatype": TAKEN, "data": values}
        wanted = [{"name": entry.output_name}]
        return json.dumps({"inputs": [tensor], "outputs": wanted}, separators=(",", ":")).encode()

    def _scores(self, body: bytes, images: int) -> Scores:
        try:
            outputs = _ANSWER.validate_json(body).outputs
        except ValidationError as error:
            raise invalid("it is not an inference response of the Open Inference Protocol v2") from error
        found = [one for one in outputs if one.name == self._access.entry.output_name]
        if len(found) != 1:
            raise invalid(f"expected one output {self._access.entry.output_name}; got {len(found)}")
        dtype = dtype_of(found[0].datatype)
        try:  # data is flat, or nested as the shape says; null stands for a number that JSON lacks
            values = np.asarray(found[0].data, dtype=dtype)
        except (TypeError, ValueError) as error:
            raise invalid(
                "its data are not numbers of one shape. Serve a model that returns one row of scores for each image"
            ) from error
        return checked_scores(values, found[0].shape, images)

    async def _exchange(self, method: str, path: str, body: bytes) -> bytes:
        """Make one request and return the body of its answer, which has status 200."""
        status, headers, answer = await self._answered(method, path, body)
        if status in AGAIN:
            raise Busy(f"status {status}", _wait_of(headers))
        if status in range(300, 400):
            raise EndpointRefused(
                f"status {status} is a redirect, and redirects are not followed: ask the operator to add the "
                "final address",
                str(status),
            )
        if status != HTTPStatus.OK:
            raise EndpointRefused(f"status {status}", str(status))
        return answer

    async def _answered(self, method: str, path: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Make one request and return its answer, whatever its status is."""
        try:
            async with asyncio.timeout(self._access.entry.timeout_seconds):
                return await self._sent(method, path, body)
        except TimeoutError as error:
            raise Busy(f"no answer within {self._access.entry.timeout_seconds:g} s") from error
        except (OSError, h11.RemoteProtocolError) as error:
            raise Busy(f"the connection failed ({type(error).__name__})") from error

    async def _sent(self, method: str, path: str, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        reader, writer = await self._connected()
        try:
            connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD_BYTES)
            request = h11.Request(method=method, target=path, headers=self._headers(body))
            data = (h11.Data(data=body),) if body else ()
            for event in (request, *data, h11.EndOfMessage()):
                writer.write(connection.send(event) or b"")
            await writer.drain()
            return await _read(connection, reader)
        finally:
            writer.transport.abort()

    def _headers(self, body: bytes) -> list[tuple[str, str]]:
        headers = [("Host", self._access.target.authority), ("Accept", "application/json"), ("Connection", "close")]
        if body:
            headers += [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        if self._access.credential:
            headers.append(("Authorization", f"Bearer {self._access.credential}"))
        return headers

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Connect to the first address of the entry that answers. A certificate must be that of the host."""
        target, failure = self._access.target, OSError("there is no address")
        name = target.host if target.tls else None
        for address in self._access.entry.addresses:
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    return await asyncio.open_connection(address, target.port, ssl=self._tls, server_hostname=name)
            except OSError as error:  # TimeoutError and errors of TLS are some
                failure = error
        raise failure


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[int, Mapping[str, str], bytes]:
    status, headers, body = 0, dict[str, str](), bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
            headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
            if status != HTTPStatus.OK:
                return status, headers, b""  # the words of another system are not read
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > LARGEST_ANSWER_BYTES:
                raise invalid(f"expected at most {LARGEST_ANSWER_BYTES:,} bytes; got more")
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            return status, headers, bytes(body)


def _says_unready(body: bytes) -> bool:
    """Whether an answer has `ready`, which is false. The protocol asks only for a status."""
    try:
        return not _READY.validate_json(body).ready
    except ValidationError:
        return False


def _wait_of(headers: Mapping[str, str]) -> float:
    """The seconds of Retry-After, at most `LONGEST_WAIT_SECONDS`. A date counts as so many."""
    told = headers.get("retry-after", "").strip()
    if not told:
        return 0.0
    return min(float(told), LONGEST_WAIT_SECONDS) if told.isdecimal() else LONGEST_WAIT_SECONDS
