"""A channel to a server: tokens, deadlines, retries and pages. It knows nothing of models, data sets and audits."""

import asyncio
import re
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING, Protocol, TypeVar

import grpc
import grpc.aio

from modicum.endpoints import Endpoint, refuse_malformed_token, refuse_unencrypted_token
from modicum.errors import NotFound
from modicum.grpc_errors import error_of, told_seconds
from modicum.own_certificate import channel_credentials
from modicum.retrying import BROKEN_CALL, CALLS, CALLS_TO_KNOWN_SERVER, STREAMS
from modicum.stream_attempts import StreamAttempts
from modicum.traces import trace_metadata
from modicum.v1.access_service_pb2_grpc import AccessServiceStub
from modicum.v1.artifact_service_pb2_grpc import ArtifactServiceStub
from modicum.v1.audit_service_pb2_grpc import AuditServiceStub
from modicum.v1.dataset_service_pb2_grpc import DatasetServiceStub
from modicum.v1.erasure_service_pb2_grpc import ErasureServiceStub
from modicum.v1.hold_service_pb2_grpc import HoldServiceStub
from modicum.v1.model_service_pb2_grpc import ModelServiceStub
from modicum.v1.project_service_pb2_grpc import ProjectServiceStub
from modicum.v1.review_service_pb2_grpc import ReviewServiceStub
from modicum.v1.trust_service_pb2_grpc import TrustServiceStub
from modicum.v1.verdict_service_pb2_grpc import VerdictServiceStub
from modicum.version import VERSION

if TYPE_CHECKING:  # the generated stubs alone know these names
    from modicum.v1.access_service_pb2_grpc import AccessServiceAsyncStub
    from modicum.v1.artifact_service_pb2_grpc import ArtifactServiceAsyncStub
    from modicum.v1.audit_service_pb2_grpc import AuditServiceAsyncStub
    from modicum.v1.dataset_service_pb2_grpc import DatasetServiceAsyncStub
    from modicum.v1.erasure_service_pb2_grpc import ErasureServiceAsyncStub
    from modicum.v1.hold_service_pb2_grpc import HoldServiceAsyncStub
    from modicum.v1.model_service_pb2_grpc import ModelServiceAsyncStub
    from modicum.v1.project_service_pb2_grpc import ProjectServiceAsyncStub
    from modicum.v1.review_service_pb2_grpc import ReviewServiceAsyncStub
    from modicum.v1.trust_service_pb2_grpc import TrustServiceAsyncStub
    from modicum.v1.verdict_service_pb2_grpc import VerdictServiceAsyncStub

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
PAGES_HEADER = "modicum-pages"
ADDRESS_OF_PAGES = re.compile(r"https?://[!-~]{1,500}", re.ASCII)

Request = TypeVar("Request")
Response = TypeVar("Response")


class PagedRequest(Protocol):
    """A request for one page of a list."""

    page_token: str


class PagedResponse(Protocol):
    """One page of a list."""

    @property
    def next_page_token(self) -> str:
        """Token of the next page; empty on the last."""


Row = TypeVar("Row")
PageRequest = TypeVar("PageRequest", bound=PagedRequest)
Page = TypeVar("Page", bound=PagedResponse)


@dataclass(slots=True, eq=False)
class Connection:
    """A channel and everything that a call needs. `project` is a resource name, e.g. projects/default.

    `replied` says whether the server has ever replied. If it has, a failing call is retried for longer: the server may
    be restarting. If it has not, the failure is reported soon.

    `pages_address` is where browsers find the pages of the server, as its replies say; empty until then, and where they
    do not say it.

    `renewal` replaces the token of a job before it ends (`job_identity`). `pause` passes the seconds before a retry.
    """

    endpoint: Endpoint
    project: str
    timeout_seconds: float
    channel: grpc.aio.Channel = field(repr=False)
    models: "ModelServiceAsyncStub" = field(repr=False)
    datasets: "DatasetServiceAsyncStub" = field(repr=False)
    artifacts: "ArtifactServiceAsyncStub" = field(repr=False)
    audits: "AuditServiceAsyncStub" = field(repr=False)
    verdicts: "VerdictServiceAsyncStub" = field(repr=False)
    access: "AccessServiceAsyncStub" = field(repr=False)
    reviews: "ReviewServiceAsyncStub" = field(repr=False)
    trust: "TrustServiceAsyncStub" = field(repr=False)
    erasures: "ErasureServiceAsyncStub" = field(repr=False)
    holds: "HoldServiceAsyncStub" = field(repr=False)
    projects: "ProjectServiceAsyncStub" = field(repr=False)
    renewal: asyncio.Task[None] | None = field(default=None, init=False, repr=False)
    replied: bool = field(default=False, init=False)
    pages_address: str = field(default="", init=False)
    pause: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, init=False, repr=False)

    @property
    def metadata(self) -> tuple[tuple[str, str], ...]:
        """The metadata of every call."""
        token = (("authorization", f"Bearer {self.endpoint.token}"),) if self.endpoint.token else ()
        return (*token, *trace_metadata())

    def page_of(self, name: str) -> str:
        """The address of the page of a resource, by its full name; empty while no reply said where the pages are."""
        return f"{self.pages_address}/{name}" if self.pages_address else ""

    async def call(self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request) -> Response:
        """Call a method that is safe to repeat: it only reads, or its request carries a request id.

        Raises:
            ModicumError: the error of the server, or why there was no reply.
        """
        reply, _ = await self._attempts(method, request)
        return reply

    async def call_once(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> Response:
        """Call a method once. It is never retried: a second call could make a token that nobody sees.

        Raises:
            ModicumError: the error of the server, or why there was no reply.
        """
        try:
            return await self._reply(method(request, timeout=self.timeout_seconds, metadata=self.metadata))
        except grpc.aio.AioRpcError as failure:
            raise error_of(failure, address=self.endpoint.target) from failure

    async def delete(self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request) -> None:
        """Call a method that deletes. NotFound after a retry means that an earlier attempt succeeded."""
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
        """Yield every row of a list. A page is fetched when its first row is needed."""
        while True:
            page = await self.call(method, request)
            for row in rows(page):
                yield row
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def stream_attempts(self) -> StreamAttempts:
        """The attempts at a stream of this server."""
        return StreamAttempts(self.endpoint.target, STREAMS, token=lambda: self.endpoint.token)

    async def close(self) -> None:
        """End the renewal and close the channel."""
        if self.renewal:
            self.renewal.cancel()
        await self.channel.close()

    async def _attempts(
        self, method: grpc.aio.UnaryUnaryMultiCallable[Request, Response], request: Request
    ) -> tuple[Response, int]:
        """The reply and the number of attempts. The deadline covers all attempts together."""
        deadline = monotonic() + self.timeout_seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                reply = await self._reply(method(request, timeout=deadline - monotonic(), metadata=self.metadata))
            except grpc.aio.AioRpcError as failure:
                patience = CALLS_TO_KNOWN_SERVER if self.replied else CALLS
                told = told_seconds(failure)
                seconds = max(told or 0.0, patience.seconds(attempt))
                last = attempt >= patience.attempts or monotonic() + seconds >= deadline
                self.replied |= failure.code() not in BROKEN_CALL
                if (failure.code() not in BROKEN_CALL and told is None) or last:
                    error = error_of(failure, address=self.endpoint.target)
                    error.metadata = {**error.metadata, "attempts": str(attempt)}
                    raise error from failure
                await self.pause(seconds)
            else:
                return reply, attempt

    async def _reply(self, sent: "grpc.aio.UnaryUnaryCall[Request, Response]") -> Response:
        """Return the reply to a call, and remember the address of the pages that it names."""
        reply = await sent
        self.replied = True
        self.pages_address = self.pages_address or pages_in(await sent.trailing_metadata())
        return reply


def pages_in(metadata: Iterable[tuple[str, str | bytes]] | None) -> str:
    """Where the pages of a server are, in the metadata of its reply; empty where it says nothing that is an address."""
    told = next((value for key, value in metadata or () if key == PAGES_HEADER), "")
    return told if isinstance(told, str) and ADDRESS_OF_PAGES.fullmatch(told) else ""


def opened(endpoint: Endpoint, *, project: str, timeout_seconds: float) -> Connection:
    """A connection to `endpoint`. Nothing is sent before the first call. Call it on the event loop that will use it.

    Raises:
        InvalidArgument: the token has characters that a header cannot carry.
        InsecureAddress: the token would be sent unencrypted over a network.
    """
    refuse_malformed_token(endpoint)
    refuse_unencrypted_token(endpoint)
    options = [
        ("grpc.primary_user_agent", f"modicum-python/{VERSION}"),
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.enable_retries", 0),  # our own retries know which calls are safe
        ("grpc.enable_http_proxy", 0 if endpoint.loopback else 1),
        ("grpc.max_reconnect_backoff_ms", 2000),
    ]
    if endpoint.tls:
        channel = grpc.aio.secure_channel(endpoint.target, channel_credentials(), options=options)
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
        verdicts=VerdictServiceStub(channel),
        access=AccessServiceStub(channel),
        reviews=ReviewServiceStub(channel),
        trust=TrustServiceStub(channel),
        erasures=ErasureServiceStub(channel),
        holds=HoldServiceStub(channel),
        projects=ProjectServiceStub(channel),
    )


def new_request_id() -> str:
    """An id for one call, the same in all of its attempts (AIP-155)."""
    return str(uuid.uuid4())
