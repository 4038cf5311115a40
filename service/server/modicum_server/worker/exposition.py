"""The worker's HTTP door on loopback: /metrics for Prometheus and /healthz. Nothing else is served there."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

HOST = "127.0.0.1"


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the command line owns the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def exposed(registry: CollectorRegistry, *, port: int, healthy: Callable[[], bool]) -> AsyncIterator[int]:
    """Serve while the context lasts; yields the port, which is a free one when 0 was asked for.

    Raises:
        OSError: something else listens on the port.
    """
    with _listening(port) as listener:
        config = uvicorn.Config(_application(registry, healthy), log_config=None, access_log=False, lifespan="off")
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="worker-metrics")
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            server.force_exit = True
            await serving


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        message = (
            f"the worker's metrics port {HOST}:{port} is taken; set MODICUM_WORKER_METRICS_PORT to another, or to 0"
        )
        raise OSError(error.errno, message) from error


def _application(registry: CollectorRegistry, healthy: Callable[[], bool]) -> Starlette:
    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok") if healthy() else PlainTextResponse("stopping", status_code=503)

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz)])
