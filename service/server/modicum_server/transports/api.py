"""The API process: gRPC and HTTP over one set of use cases, on one loop."""

import asyncio

from modicum_server.ports import Store
from modicum_server.settings import Settings
from modicum_server.transports.call_limits import BOUNDS, Bounds
from modicum_server.transports.call_metrics import CallMetrics, Exposition
from modicum_server.transports.grpc.server import GrpcServer
from modicum_server.transports.http.app import build_app
from modicum_server.transports.http.server import HttpServer
from modicum_server.transports.pages_address import pages_address
from modicum_server.transports.readiness import Readiness
from modicum_server.transports.services import Services


class Api:
    """Serves gRPC and HTTP. Closes the exposition of metrics; its caller closes everything else that it gives."""

    def __init__(
        self,
        services: Services,
        store: Store,
        *,
        readiness: Readiness,
        exposition: Exposition,
        settings: Settings,
        metrics: CallMetrics,
        bounds: Bounds = BOUNDS,
    ) -> None:
        """Take what to serve.

        Raises:
            ValueError: there is a certificate without its key, or a key without its certificate.
        """
        if (settings.tls_cert is None) != (settings.tls_key is None):
            raise ValueError("set both MODICUM_TLS_CERT and MODICUM_TLS_KEY, or neither")
        self._grpc = GrpcServer(services, store, readiness=readiness, settings=settings, metrics=metrics, bounds=bounds)
        self._settings = settings
        self._exposition = exposition
        app = build_app(
            services,
            store,
            readiness=readiness,
            exposition=exposition,
            settings=settings,
            metrics=metrics,
            bounds=bounds,
        )
        self._http = HttpServer(app, settings, bounds)

    async def start(self) -> tuple[int, int]:
        """Serve; returns the gRPC port and the HTTP port that are listened on.

        Raises:
            OSError: a port is taken, or the certificate or its key cannot be read.
        """
        http_port = await self._http.start()
        try:
            return await self._grpc.start(pages=pages_address(self._settings, http_port)), http_port
        except OSError:
            await self._http.stop()
            raise

    async def stop(self, grace: float) -> None:
        """End watches with UNAVAILABLE, let other calls end for `grace` seconds, then leave."""
        await asyncio.gather(self._grpc.stop(grace), self._http.stop())
        await self._exposition.close()
