"""The worker's HTTP port, with /metrics for Prometheus and /healthz. Neither needs a token.

It listens on loopback unless an operator sets another address.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from modicum_server.metrics.text_format import exposed_text

LOOPBACK = "127.0.0.1"


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the command line owns the signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@contextlib.asynccontextmanager
async def exposed(
    registry: CollectorRegistry, *, port: int, healthy: Callable[[], bool], host: str = LOOPBACK
) -> AsyncIterator[int]:
    """Serve while the context lasts. Yields the port, which is a free one for `port` 0.

    Raises:
        OSError: something else listens on the port.
    """
    with _listening(host, port) as listener:
        config = uvicorn.Config(_application(registry, healthy), log_config=None, access_log=False, lifespan="off")
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="worker-metrics")
        try:
            yield listener.getsockname()[1]
        finally:
            server.should_exit = True
            server.force_exit = True
            await serving


def _listening(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        message = (
            f"the worker cannot listen on {host}:{port} for its metrics. Set MODICUM_WORKER_METRICS_PORT to another"
            " port or to 0, and MODICUM_WORKER_METRICS_HOST to an address of this machine"
        )
        raise OSError(error.errno, message) from error


def _application(registry: CollectorRegistry, healthy: Callable[[], bool]) -> Starlette:
    async def metrics(request: Request) -> Response:
        # In a thread, because the loop renews leases and the memory of model processes is read from files.
        text, media_type = await asyncio.to_thread(exposed_text, registry, request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type})

    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok") if healthy() else PlainTextResponse("stopping", status_code=503)

    return Starlette(routes=[Route("/metrics", metrics), Route("/healthz", healthz)])
