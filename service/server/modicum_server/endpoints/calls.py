"""Calls of endpoints as the worker makes them: within the rate of the entry, again after a refusal that passes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

import numpy as np
import structlog

from modicum_server.domain.endpoints import Description, EndpointEntry, granted
from modicum_server.domain.models import Endpoint
from modicum_server.endpoints.answers import (
    DRIFTED,
    UNKNOWN,
    UNREACHABLE,
    Busy,
    NotReady,
    Scores,
    checked_scores,
    classifier_tensors,
    refuse_other_canvas,
)
from modicum_server.endpoints.connection import Access, Batch, Connection, access_to
from modicum_server.endpoints.grpc_calls import Grpc
from modicum_server.endpoints.rest import Rest
from modicum_server.model_server import EndpointScores, TaskFailed
from modicum_server.ports import EndpointEntries, EndpointsUnreadable

T = TypeVar("T")
TRIES = 6
FIRST_PAUSE_SECONDS = 0.5
#: Of the time after which a task without progress counts as hung: an endpoint is given up before that.
SHARE_OF_HANG = 0.75
#: What to do about an endpoint that could not be used.
CROWDED = (
    "Try again when it is up, or ask the operator of the Modicum server for fewer requests a second, fewer images a "
    "request or a longer timeout for this endpoint"
)
LOADING = "Wait until the model is loaded, or ask the operator of the endpoint to look at the log of the model's server"

log = structlog.get_logger(__name__)


def connect(access: Access) -> Connection:
    """Return the connection of the entry's protocol."""
    return Grpc(access) if access.target.grpc else Rest(access)


@dataclass(slots=True)
class Rate:
    """Spaces the requests to one endpoint, of all slots of this worker."""

    per_second: float
    _free_at: float = field(default=float("-inf"))

    async def turn(self) -> None:
        """Wait until a request may be sent."""
        now = asyncio.get_running_loop().time()
        mine = max(now, self._free_at)
        self._free_at = mine + 1 / self.per_second
        if mine > now:
            await asyncio.sleep(mine - now)


class EndpointCalls:
    """The endpoints that this worker may call: `model_server.Endpoints`."""

    def __init__(self, entries: EndpointEntries, *, hang_seconds: float) -> None:
        self._entries = entries
        self._patience = SHARE_OF_HANG * hang_seconds
        self._rates: dict[str, Rate] = {}

    @asynccontextmanager
    async def opened(self, source: Endpoint, version: str, alive: Callable[[], None]) -> AsyncIterator["OpenEndpoint"]:
        """Connect to an endpoint that the version's project may use, and see that it still says the same of its model.

        Raises:
            TaskFailed: ENDPOINT_UNKNOWN, ENDPOINT_REFUSED, ENDPOINT_UNREACHABLE, ENDPOINT_ANSWER_INVALID or
                ENDPOINT_DRIFTED.
        """
        entry = await self._entry(source.name, version)
        connection = connect(await asyncio.to_thread(access_to, entry))
        try:
            rate = self._rates.setdefault(entry.name, Rate(entry.requests_per_second))
            rate.per_second = entry.requests_per_second
            opened = OpenEndpoint(entry, connection, rate, alive, self._patience)
            await opened.require_ready()
            await opened.require_claim(source.claim)
            yield opened
        finally:
            await connection.close()

    async def _entry(self, name: str, version: str) -> EndpointEntry:
        try:
            entry = granted(await self._entries.entries(), version, name)
        except EndpointsUnreadable as error:
            raise TaskFailed(UNREACHABLE, str(error), model_at_fault=False) from error
        if entry is None:
            raise TaskFailed(
                UNKNOWN,
                f"this worker has no endpoint {name} for the project. The operator adds it with `modicum-server "
                "endpoint add`, in the file that every worker and the API read",
                model_at_fault=False,
            )
        return entry


class OpenEndpoint:
    """An endpoint that is connected. Raises TaskFailed alone."""

    def __init__(
        self,
        entry: EndpointEntry,
        connection: Connection,
        rate: Rate,
        alive: Callable[[], None],
        patience_seconds: float,
    ) -> None:
        self._entry, self._connection, self._rate = entry, connection, rate
        self._alive, self._patience = alive, patience_seconds
        self._most_images = entry.images_per_request
        self._canvas: tuple[int, ...] = (-1, -1, -1)

    async def require_ready(self) -> None:
        """See that the endpoint does not say that its model is not ready.

        Raises:
            TaskFailed: ENDPOINT_UNREACHABLE: it still says so after a while.
        """
        await self._patiently(self._connection.require_ready)

    async def require_claim(self, claim: str) -> None:
        """See that the endpoint says of its model what it said when the operator made the entry.

        Raises:
            TaskFailed: ENDPOINT_DRIFTED, ENDPOINT_ANSWER_INVALID, or as `scores`.
        """
        description = await self.describe()
        taken, _ = classifier_tensors(description)
        if description.claim != claim:
            raise TaskFailed(
                DRIFTED,
                f"endpoint {self._entry.name} now describes its model differently than when the version was registered "
                "(name, version, input or output). Ask the operator to add it again, then register the model again",
                model_at_fault=True,
            )
        if taken.shape[0] == 1:  # the batch is fixed
            self._most_images = 1
        self._canvas = taken.shape[1:]

    async def describe(self) -> Description:
        """Ask what the model is."""
        return await self._patiently(self._connection.describe)

    async def scores(self, shape: tuple[int, ...], values: bytes) -> EndpointScores:
        """Return the scores of images (N, C, H, W) in float32, in as many requests as the entry wants.

        Raises:
            TaskFailed: ENDPOINT_REFUSED, ENDPOINT_UNREACHABLE, ENDPOINT_ANSWER_INVALID or INPUT_REFUSED.
        """
        refuse_other_canvas(self._canvas, shape[1:])
        batch, images = Batch(shape, values), shape[0]
        parts: list[Scores] = []
        for start in range(0, images, self._most_images):
            part = batch.part(start, min(self._most_images, images - start))
            parts.append(await self._patiently(partial(self._connection.scores, part)))
            self._alive()
        classes = {part.shape[1] for part in parts}
        whole = parts[0] if len(classes) > 1 else np.concatenate(parts)
        scores = checked_scores(whole, (images, whole.shape[1]), images)
        return EndpointScores(scores.shape[1], scores.tobytes())

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call, and make it again while the endpoint is busy and there is time.

        Raises:
            TaskFailed: ENDPOINT_UNREACHABLE, or what the call raises.
        """
        loop = asyncio.get_running_loop()
        pause, end = FIRST_PAUSE_SECONDS, loop.time() + self._patience
        for tried in range(1, TRIES + 1):
            await self._rate.turn()
            try:
                async with asyncio.timeout_at(max(end, loop.time())):
                    return await call()
            except TimeoutError:
                raise self._unreachable(tried, Busy(f"no answer within {self._patience:g} s")) from None
            except Busy as busy:
                wait = max(pause, busy.seconds)
                if tried == TRIES or loop.time() + wait > end:
                    raise self._unreachable(tried, busy) from busy
            log.info("endpoint_busy", endpoint=self._entry.name, tried=tried, wait_seconds=wait)
            await asyncio.sleep(wait)
            pause *= 2
        raise AssertionError("the last try raises")

    def _unreachable(self, tried: int, busy: Busy) -> TaskFailed:
        advice = LOADING if isinstance(busy, NotReady) else CROWDED
        requests = "1 request" if tried == 1 else f"{tried} requests"
        return TaskFailed(
            UNREACHABLE,
            f"endpoint {self._entry.name} could not be used in {requests}: {busy}. {advice}",
            model_at_fault=False,
        )
