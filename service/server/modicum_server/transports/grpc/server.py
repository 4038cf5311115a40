"""The grpc.aio server: port, options, health that follows readiness, reflection, and a stop that ends open watches."""

import asyncio
import errno
from contextlib import suppress

import grpc
import structlog
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from modicum_server.domain.trusted_proxies import TrustedProxies
from modicum_server.ports import Store
from modicum_server.processes.file_limits import most_open_files
from modicum_server.processes.work_until_stop import cancelled
from modicum_server.settings import MEBIBYTE, Settings
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.call_metrics import CallMetrics
from modicum_server.transports.call_places import CallPlaces
from modicum_server.transports.certificates import certificates_of
from modicum_server.transports.grpc.credentials import credentials_of
from modicum_server.transports.grpc.handlers import handlers_of
from modicum_server.transports.grpc.layering import Layering
from modicum_server.transports.layers import layers_of
from modicum_server.transports.readiness import Readiness
from modicum_server.transports.services import Services
from modicum_server.transports.unrouted_log import UnroutedRequests

LARGEST_REQUEST_BYTES = 4 * MEBIBYTE
LARGEST_REPLY_BYTES = 16 * MEBIBYTE
#: A connection without calls is closed after this time. A client opens another one with its next call.
IDLE_SECONDS = 1_800
#: How long gRPC may take to close connections after calls have ended. It never closes one whose other side keeps
#: sending frames that it must answer, such as SETTINGS.
CLOSING_SECONDS = 2.0
#: Most calls that wait to be accepted. gRPC itself cancels more, without a reason.
MOST_WAITING_CALLS = 32_000
OPTIONS = (
    ("grpc.server.max_pending_requests", MOST_WAITING_CALLS),
    ("grpc.server.max_pending_requests_hard_limit", MOST_WAITING_CALLS),
    ("grpc.so_reuseport", 0),  # if on, a second server takes the same port without an error
    ("grpc.max_receive_message_length", LARGEST_REQUEST_BYTES),
    ("grpc.max_send_message_length", LARGEST_REPLY_BYTES),
    ("grpc.max_connection_idle_ms", IDLE_SECONDS * 1000),
    ("grpc.keepalive_time_ms", 60_000),  # frees the place of a watcher whose machine is gone
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
)

#: This name is SERVING as long as the process lives. Every other name follows readiness.
LIVENESS = "liveness"

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING

log = structlog.get_logger(__name__)


class GrpcServer:
    """The gRPC server of one API process."""

    def __init__(
        self,
        services: Services,
        store: Store,
        *,
        readiness: Readiness,
        settings: Settings,
        metrics: CallMetrics,
        bounds: Bounds,
    ) -> None:
        self._services = services
        self._readiness = readiness
        self._settings = settings
        self._health_seconds = bounds.health_seconds
        places = CallPlaces(settings, bounds)
        shared = services.call_rates, services.call_turns, services.refused
        layers = layers_of(store, metrics, *shared, bounds=bounds, places=places, traces=services.traces)
        self._layering = Layering(layers, UnroutedRequests(metrics), TrustedProxies(settings.trusted_proxies))
        self._server = grpc.aio.server(
            interceptors=[self._layering],
            options=(
                *OPTIONS,
                ("grpc.server_handshake_timeout_ms", round(bounds.handshake_seconds * 1000)),
                ("grpc.max_allowed_incoming_connections", most_connections(settings, bounds)),
                ("grpc.max_concurrent_streams", settings.max_watchers_per_principal + bounds.spare_calls_of_connection),
            ),
            maximum_concurrent_rpcs=places.most + bounds.refused_calls,
        )
        self._health = health.aio.HealthServicer()
        self._names = self._add_services()
        self._following: asyncio.Task[None] | None = None

    def _add_services(self) -> tuple[str, ...]:
        """Add the contract, health and reflection; returns the names whose health is reported.

        gRPC accepts calls one after another. Calls of methods that are registered wait apart from those of others, so
        that a crowd of watches does not hold up calls of other methods.
        """
        names = []
        for name, handlers in handlers_of(self._services):
            self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
            self._server.add_registered_method_handlers(name, handlers)
            names.append(name)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        shown = (*names, health.SERVICE_NAME, reflection.SERVICE_NAME)
        reflection.enable_server_reflection(shown, self._server)
        return ("", *names)

    async def start(self, *, pages: str = "") -> int:
        """Serve; returns the port that is listened on.

        Raises:
            OSError: the port is taken, or the certificate or its key cannot be read.
        """
        self._layering.pages = pages
        port = self._listen()
        await self._health.set(LIVENESS, SERVING)
        await self._tell_health(serving=all((await self._readiness.check()).values()))
        await self._server.start()
        self._following = asyncio.create_task(self._follow_health())
        return port

    def _listen(self) -> int:
        host, port = self._settings.host, self._settings.grpc_port
        address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        try:
            certificates = certificates_of(self._settings)
            if certificates is None:
                return self._server.add_insecure_port(address)
            return self._server.add_secure_port(address, credentials_of(certificates))
        except RuntimeError as error:
            raise OSError(errno.EADDRINUSE, f"cannot listen for gRPC on {address}; choose another port") from error

    async def _follow_health(self) -> None:
        while True:
            await asyncio.sleep(self._health_seconds)
            await self._tell_health(serving=all((await self._readiness.check()).values()))

    async def _tell_health(self, *, serving: bool) -> None:
        for name in self._names:
            await self._health.set(name, SERVING if serving else NOT_SERVING)

    async def stop(self, grace: float) -> None:
        """Report the stop by health and end the watches first; then let calls end for `grace` seconds."""
        if self._following is not None:
            self._following.cancel()
            with suppress(asyncio.CancelledError):
                await self._following
        await self._health.enter_graceful_shutdown()
        self._services.watching.stop()
        stopping = asyncio.create_task(self._server.stop(grace))
        ended, _ = await asyncio.wait({stopping}, timeout=grace + CLOSING_SECONDS)
        if not ended:
            log.warning(
                "connections_not_closed", why="gRPC waits for callers that keep sending; their calls have ended"
            )
            await cancelled(stopping)


def most_connections(settings: Settings, bounds: Bounds) -> int:
    """Return how many connections may be open at once: at most a quarter of the open files. HTTP gets half of them."""
    return min(settings.max_watchers + bounds.spare_connections, most_open_files() // 4)
