"""The layers around every call, from outside in.

They are: request id, trace, metrics, log, errors, bound, deadline, authentication.

Each layer is an async context manager around the next, the same for gRPC and HTTP. The layer of errors is outside
those of deadline and authentication, so that a missed deadline and a refused token become replies like any other error.
The deadline is outside authentication, because that asks the database, which may hang. The innermost layer ends streams
whose token is no longer valid. A layer inside that of errors counts what is refused because of who calls.
"""

import asyncio
import re
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial

import grpc
import structlog

from modicum_server.domain.projects import Principal
from modicum_server.errors import (
    ArtifactCorrupt,
    DependencyUnavailable,
    FieldInvalid,
    ModicumError,
    PermissionDenied,
    ProjectNotFound,
    SessionMissing,
    TokenInvalid,
    Unauthenticated,
)
from modicum_server.ports import (
    NO_TRACES,
    IdentityNotTrusted,
    IdentityTokenInvalid,
    IdentityTokenUsed,
    Store,
    Traces,
)
from modicum_server.transports.authentication import authenticate, given_token
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.call_places import CallPlaces
from modicum_server.transports.calls import CURRENT, NOBODY, Call, CallerLeft, Wire
from modicum_server.transports.errors import status_of_error
from modicum_server.transports.open_streams import OpenStreams
from modicum_server.transports.refusals import Refusal, deadline_refusal, refusal_of
from modicum_server.transports.refused_lines import RefusedLines
from modicum_server.transports.token_lookups import TokenLookups
from modicum_server.transports.traced_calls import traced
from modicum_server.usecases.members import Tokens
from modicum_server.usecases.refused_attempts import Attempt, RefusedAttempts
from modicum_server.usecases.shares import CallRates, CallTurns, stranger

Layer = Callable[[Call], AbstractAsyncContextManager[None]]
FindPrincipal = Callable[[Wire, float], Awaitable[Principal]]
"""Finds who calls within some seconds, or raises TimeoutError."""

REQUEST_ID_HEADER = "x-request-id"
CORRUPT_REASON = ArtifactCorrupt().reason
READS = ("Get", "List")
"""How the names of methods begin that change nothing."""
GUESSES = (TokenInvalid, IdentityTokenInvalid, IdentityNotTrusted, IdentityTokenUsed)
log = structlog.get_logger("modicum.rpc")


def layers_of(
    store: Store,
    metrics: CallMetrics,
    call_rates: CallRates,
    call_turns: CallTurns,
    refused: RefusedAttempts,
    *,
    bounds: Bounds,
    places: CallPlaces | None = None,
    traces: Traces = NO_TRACES,
) -> Sequence[Layer]:
    """Return the layers, from outside in. Without `places`, the transport itself bounds the number of calls."""
    counted, shared = ((), ()) if places is None else ((places.of_all, places.of_strangers), (places.of_principals,))
    limit = limited(bounds.longest_call_seconds)
    lookups = TokenLookups(lambda authorization: authenticate(store, authorization, bounds.authentication_seconds))

    async def by_token(wire: Wire, seconds: float) -> Principal:
        authorization = wire.header("authorization")
        if not given_token(authorization):
            return await authenticate(store, authorization, seconds)  # refused at once, whatever the call's deadline
        return await lookups.principal(authorization, seconds)

    known = authenticated(by_token, bounds.authentication_seconds)
    good = OpenStreams(Tokens(store).principals, recheck_seconds=bounds.recheck_seconds).layer
    seen = (
        identified,
        traced(traces),
        measured(metrics),
        logged(RefusedLines()),
        errors_refused(bounds),
        noted(refused),
    )
    return (*seen, *counted, limit, known, *shared, paced(call_rates), taking_turns(call_turns), good)


async def open_layers(stack: AsyncExitStack, layers: Sequence[Layer], call: Call) -> None:
    """Open every layer around a call; the stack closes them."""
    for layer in layers:
        await stack.enter_async_context(layer(call))


def request_id_of(given: str) -> str:
    """Return the request id that the caller gave, or a new one."""
    return given if re.fullmatch(r"[A-Za-z0-9._-]{1,64}", given, re.ASCII) else uuid.uuid4().hex


@asynccontextmanager
async def identified(call: Call) -> AsyncIterator[None]:
    """Give the call a request id (the caller's own, if it is a plain word) and put it into the reply."""
    call.request_id = request_id_of(call.wire.header(REQUEST_ID_HEADER))
    call.wire.identify(call.request_id)
    CURRENT.set(call)
    with structlog.contextvars.bound_contextvars(request_id=call.request_id):
        yield


def measured(metrics: CallMetrics) -> Layer:
    """Count the call and measure its time."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - start
            metrics.rpc_ended(call.method, call.code.name, seconds, request_id=call.request_id)
            if call.code is grpc.StatusCode.RESOURCE_EXHAUSTED:
                metrics.limit_reached(call.reason)
            if call.reason == CORRUPT_REASON:
                metrics.artifact_corrupt()

    return layer


def logged(lines: RefusedLines) -> Layer:
    """Log one line for each call, with the traceback of a bug. A successful probe is not logged."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            if lines.admit_call(call):
                _log(call, time.perf_counter() - start)

    return layer


def _log(call: Call, seconds: float) -> None:
    facts = {
        "door": call.wire.transport,
        "method": call.method,
        "code": call.code.name,
        "seconds": round(seconds, 6),
        "principal": call.principal.name if call.principal else None,
    }
    if call.failure is not None:
        log.error("rpc", exc_info=call.failure, **facts)
    elif not call.probe or call.code is not grpc.StatusCode.OK:
        log.info("rpc", **facts)


def errors_refused(bounds: Bounds) -> Layer:
    """Reply to errors by the table. The reply to an exception of another kind has nothing but the request id."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        try:
            yield
        except asyncio.CancelledError:
            call.code = grpc.StatusCode.CANCELLED
            raise
        except CallerLeft:
            call.code = grpc.StatusCode.CANCELLED
        except grpc.aio.AbortError:  # health and reflection end their calls themselves
            call.code = call.wire.code()
            raise
        except _DeadlineMissed as error:
            await _refuse(call, deadline_refusal(error.seconds, call.request_id))
        except ModicumError as error:
            if isinstance(error, GUESSES):
                await bounds.delay_guess()
            unexpected = isinstance(error, ArtifactCorrupt) or error.__cause__ is not None
            if unexpected or not status_of_error(type(error)).public:
                call.failure = error
            await _refuse(call, refusal_of(error, call.request_id))
        except Exception as error:  # noqa: BLE001 - goes into the log in full; the caller sees nothing of it
            call.failure = error
            await _refuse(call, refusal_of(error, call.request_id))

    return layer


async def _refuse(call: Call, refusal: Refusal) -> None:
    call.code, call.reason = refusal.code, refusal.reason
    await call.wire.refuse(refusal)


def noted(attempts: RefusedAttempts) -> Layer:
    """Count attempts that are refused because of who calls, for the trail."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        try:
            yield
        except (Unauthenticated, PermissionDenied, ProjectNotFound) as error:
            if not isinstance(error, SessionMissing):  # sessions end every day
                attempts.note(attempt_of(call, error))
            raise

    return layer


def attempt_of(call: Call, error: ModicumError) -> Attempt:
    """Return what the trail says of a refused call."""
    return Attempt(
        principal=call.principal,
        verb=call.method.rsplit("/", 1)[-1],
        resource=call.resource,
        reason=error.reason,
        project=error.metadata.get("project", ""),
        request_id=call.request_id,
        client_address=call.wire.client_address(),
    )


def authenticated(find: FindPrincipal, longest_seconds: float) -> Layer:
    """Find the principal of the call. Probes and open calls need no token."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        if call.open:
            call.principal = replace(NOBODY, origin=call.origin)
        elif not call.probe:
            call.principal = replace(await _principal(find, call, longest_seconds), origin=call.origin)
            call.wire.remaining_seconds()  # a bad deadline is reported only to callers with a token
        yield

    return layer


def paced(call_rates: CallRates) -> Layer:
    """Refuse calls of a principal that makes too many a second, and those in a project, once it is known which."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        if call.principal is not None:
            call_rates.admit(call.principal)
            call.enter = partial(call_rates.admit_in, call.principal)
        yield

    return layer


def limited_by_address(call_rates: CallRates, call_turns: CallTurns) -> Layer:
    """Let callers of an address without a token make so many calls a second, some at a time."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        caller = stranger(call.wire.client_address())
        call_rates.admit(caller)
        call.turn = partial(call_turns.taken, caller, reads=call.reads)
        yield

    return layer


def taking_turns(call_turns: CallTurns) -> Layer:
    """Let calls of a principal wait for each other. Calls without a token have limits of their own."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        if call.principal is not None and not call.open:
            reads = call.reads or call.method.rsplit("/", 1)[-1].startswith(READS)
            call.turn = partial(call_turns.taken, call.principal, reads=reads)
        yield

    return layer


async def _principal(find: FindPrincipal, call: Call, longest_seconds: float) -> Principal:
    remaining = _remaining_seconds(call)
    seconds = longest_seconds if remaining is None else min(remaining, longest_seconds)
    try:
        return await find(call.wire, seconds)
    except TimeoutError as error:
        if remaining is not None and remaining <= longest_seconds:
            raise _DeadlineMissed(seconds) from error
        raise DependencyUnavailable(f"the database did not respond within {seconds:g} s; try again") from error


def _remaining_seconds(call: Call) -> float | None:
    """Return the time until the deadline; None without one, or with one that cannot be read."""
    try:
        return call.wire.remaining_seconds()
    except FieldInvalid:
        return None


class _DeadlineMissed(Exception):
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds


def limited(longest_seconds: float) -> Layer:
    """Stop a call without a stream when its deadline or our own limit has passed."""

    @asynccontextmanager
    async def layer(call: Call) -> AsyncIterator[None]:
        if call.streaming:
            yield
            return
        remaining = _remaining_seconds(call)
        seconds = longest_seconds if remaining is None else min(remaining, longest_seconds)
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                yield
        except TimeoutError as error:
            if limit.expired():
                raise _DeadlineMissed(seconds) from error
            raise

    return layer
