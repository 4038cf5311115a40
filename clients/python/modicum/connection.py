"""One channel to one server: tokens, deadlines, retries, pages. Knows no resource."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc
import grpc.aio

from modicum.endpoints import Endpoint, refuse_clear_token, refuse_token_of_no_header
from modicum.errors import NotFound
from modicum.grpc_errors import error_of
from modicum.retrying import BROKEN_CALL, CALLS, CALLS_AGAIN
from modicum.v1.artifact_service_pb2_grpc import ArtifactServiceStub
from modicum.v1.audit_service_pb2_grpc import AuditServiceStub
from modicum.v1.dataset_service_pb2_grpc import DatasetServiceStub
from modicum.v1.model_service_pb2_grpc import ModelServiceStub
from modicum.version import VERSION

if TYPE_CHECKING:  # the generated stubs alone know these names
    from modicum.v1.artifact_service_pb2_grpc import ArtifactServiceAsyncStub
    from modicum.v1.audit_service_pb2_grpc import AuditServiceAsyncStub
    from modicum.v1.dataset_service_pb2_grpc import DatasetServiceAsyncStub
    from modicum.v1.model_service_pb2_grpc import ModelServiceAsyncStub

MAX_MESSAGE_BYTES = 64 * 1024 * 1024

Request = TypeVar("Request")
Response = TypeVar("Response")


class PagedRequest(Protocol):
    """A request for a page."""

    page_token: str


class PagedResponse(Protocol):
    """A page."""

    @property
    def next_page_token(self) -> str:
        """Token of the next page; empty on the last."""


Row = TypeVar("Row")
PageRequest = TypeVar("PageRequest", bound=PagedRequest)
Page = TypeVar("Page", bound=PagedResponse)


@dataclass(slots=True, eq=False)
class Connection:
    """A channel with everything that a call needs. `project` is a resource name, e.g. projects/default.

    `answered` is whether the server has answered yet: one that never did is reported soon, one that did is waited for.
    """

    endpoint: Endpoint
    project: str
    timeout_seconds: float
    channel: grpc.aio.Channel = field(repr=False)
    models: "ModelServiceAsyncStub" = field(repr=False)
    datasets: "DatasetServiceAsyncStub" = field(repr=False)
    artifacts: "ArtifactServiceAsyncStub" = field(repr=False)
    audits: "AuditServiceAsyncStub" = field(repr=False)
    answered: bool = field(default=False, init=False)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What every call carries."""
        return (("authorization", f"Bearer {self.endpoint.token}"),) if self.endpoint.token else ()

    async def call(self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request) -> Response:
        """Call a method that is safe to repeat: one that reads, or whose request carries a request id.

        Raises:
            ModicumError: what the server answered, or why there is no answer.
        """
        answer, _ = await self._attempts(method, request)
        return answer

    async def delete(self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request) -> None:
        """Call a method that deletes. A repetition that finds nothing shows that the first attempt did it."""
        try:
            await self._attempts(method, request)
        except NotFound as error:
            if error.metadata.get("attempts", "1") == "1":
                raise

    async def pages(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[PageRequest, Page],
        request: PageRequest,
        rows: Callable[[Page], Iterable[Row]],
    ) -> AsyncIterator[Row]:
        """Every row of a list; a page is fetched when its first row is asked for."""
        while True:
            page = await self.call(method, request)
            for row in rows(page):
                yield row
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def _attempts(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> tuple[Response, int]:
        """The answer, and how many attempts it took; the deadline covers all of them."""
        deadline = monotonic() + self.timeout_seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                answer = await method(request, timeout=deadline - monotonic(), metadata=self.metadata)
            except grpc.aio.AioRpcError as failure:
                patience = CALLS_AGAIN if self.answered else CALLS
                pause = patience.seconds(attempt)
                last = attempt >= patience.attempts or monotonic() + pause >= deadline
                self.answered |= failure.code() not in BROKEN_CALL
                if failure.code() not in BROKEN_CALL or last:
                    error = error_of(failure, address=self.endpoint.target)
                    error.metadata = {**error.metadata, "attempts": str(attempt)}
                    raise error from failure
                await asyncio.sleep(pause)
            else:
                self.answered = True
                return answer, attempt


def opened(endpoint: Endpoint, *, project: str, timeout_seconds: float) -> Connection:
    """A connection to `endpoint`; nothing is sent before the first call. Called on the loop that will use it.

    Raises:
        InvalidArgument: the token is none that a call can carry.
        InsecureAddress: the token would travel in clear beyond this machine.
    """
    refuse_token_of_no_header(endpoint)
    refuse_clear_token(endpoint)
    options = [
        ("grpc.primary_user_agent", f"modicum-python/{VERSION}"),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.enable_retries", 0),  # ours know which calls are safe
        ("grpc.enable_http_proxy", 0 if endpoint.loopback else 1),
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]
    if endpoint.tls:
        channel = grpc.aio.secure_channel(endpoint.target, grpc.ssl_channel_credentials(), options=options)
    else:
        channel = grpc.aio.insecure_channel(endpoint.target, options=options)
    return Connection(
        endpoint=endpoint,
        project=project,
        timeout_seconds=timeout_seconds,
        channel=channel,
        models=ModelServiceStub(channel),
        datasets=DatasetServiceStub(channel),
        artifacts=ArtifactServiceStub(channel),
        audits=AuditServiceStub(channel),
    )


def new_request_id() -> str:
    """An id for one logical call, the same in all its attempts (AIP-155)."""
    return str(uuid.uuid4())
