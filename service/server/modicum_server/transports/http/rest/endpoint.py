"""Serves REST: finds the route of a request, opens the layers around the call, and responds in one of four shapes."""

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from modicum.v1.artifact_service_pb2 import GetArtifactRequest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from modicum_server.domain.projects import Principal
from modicum_server.transports.calls import Call, in_turn, note_resource
from modicum_server.transports.contract import served_methods
from modicum_server.transports.http.presence import require_there
from modicum_server.transports.http.rest.bodies import message_body
from modicum_server.transports.http.rest.downloads import carries_bytes, extent_of, stream_artifact, stream_report
from modicum_server.transports.http.rest.events import stream_events
from modicum_server.transports.http.rest.problems import method_not_allowed, path_unknown
from modicum_server.transports.http.rest.protojson import LARGE_BYTES
from modicum_server.transports.http.rest.queries import query_of
from modicum_server.transports.http.rest.requests import IDEMPOTENCY_HEADER, request_of
from modicum_server.transports.http.rest.responses import response_of
from modicum_server.transports.http.rest.routes import Found, RouteTable
from modicum_server.transports.http.rest.uploads import messages_of
from modicum_server.transports.http.rest.wire import HttpWire
from modicum_server.transports.http.whole_bodies import WholeBodies
from modicum_server.transports.layers import REQUEST_ID_HEADER, Layer, open_layers, request_id_of
from modicum_server.transports.services import Services
from modicum_server.transports.unrouted_log import UnroutedRequests


class RestEndpoint:
    """An ASGI application that serves the contract below /v1."""

    def __init__(
        self,
        services: Services,
        layers: Sequence[Layer],
        unrouted: UnroutedRequests,
        bodies: WholeBodies,
        *,
        heartbeat_seconds: float,
    ) -> None:
        self._services = services
        self._layers = layers
        self._unrouted = unrouted
        self._heartbeat_seconds = heartbeat_seconds
        self._bodies = bodies
        self.table = RouteTable(served_methods(services))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        request = Request(scope, receive)
        path = scope["raw_path"].decode("latin-1")
        found = self.table.find(request.method, path)
        if found is not None:
            await self._serve(found, HttpWire(request, send, found.route.method.descriptor.input_type))
            return
        wire = HttpWire(request, send)
        request_id = request_id_of(wire.header(REQUEST_ID_HEADER))
        wire.identify(request_id)
        await wire.respond(self._nowhere(request.method, path, request_id))

    def _nowhere(self, verb: str, path: str, request_id: str) -> Response:
        allowed = self.table.allowed(path)
        if allowed and verb == "OPTIONS":
            return Response(status_code=204, headers={"Allow": ", ".join(allowed)})
        response = method_not_allowed(verb, allowed, request_id) if allowed else path_unknown(path, request_id)
        reason = "method_not_allowed" if allowed else "path_unknown"
        status = response.status_code
        self._unrouted.tell(
            reason, transport=HttpWire.transport, verb=verb, path=path, status=status, request_id=request_id
        )
        return response

    async def _serve(self, found: Found, wire: HttpWire) -> None:
        method = found.route.method
        call = Call(method=method.path, streaming=method.streaming, wire=wire, open=method.open)
        async with AsyncExitStack() as stack:
            await open_layers(stack, self._layers, call)
            assert call.principal is not None, "the authentication layer lets no other call through"
            await self._respond(found, wire, call.principal)

    async def _respond(self, found: Found, wire: HttpWire, principal: Principal) -> None:
        method, binding = found.route.method, found.route.binding
        if method.descriptor.client_streaming:
            reply = await method.function(principal, messages_of(found, wire))
            await wire.respond(await response_of(reply, binding, wire.request))
            return
        message = await self._request_of(found, wire, principal)
        note_resource(message)
        if method.descriptor.server_streaming:
            await self._stream(found, wire, principal, message)
        else:
            async with in_turn():
                await require_there(wire.request)  # it may have waited for long
                reply = await method.function(principal, message)
            await wire.respond(await response_of(reply, binding, wire.request))

    async def _stream(self, found: Found, wire: HttpWire, principal: Principal, message: Any) -> None:
        function, descriptor = found.route.method.function, found.route.method.descriptor
        kind = GetMessageClass(descriptor.output_type)
        if not carries_bytes(kind):
            watch = partial(function, principal)
            await stream_events(wire, message, watch, heartbeat_seconds=self._heartbeat_seconds)
        elif "offset" in message.DESCRIPTOR.fields_by_name:
            artifacts = self._services.artifacts
            artifact = await artifacts.get_artifact(principal, GetArtifactRequest(name=message.name))
            extent = extent_of(wire, artifact, message.offset)
            message.offset = extent.first
            if extent.end < extent.size:
                messages = artifacts.download_part(principal, message.name, extent.first, extent.end)
            else:
                messages = function(principal, message)
            await stream_artifact(wire, extent, artifact.digest, messages)
        else:
            await stream_report(wire, function(principal, message))

    async def _request_of(self, found: Found, wire: HttpWire, principal: Principal) -> Message:
        """Return the message of a request; a large one is parsed in a thread."""
        async with message_body(self._bodies, found, wire, principal) as body:
            parts = (found, query_of(wire.request), body, wire.header(IDEMPOTENCY_HEADER))
            return await asyncio.to_thread(request_of, *parts) if len(body) > LARGE_BYTES else request_of(*parts)
