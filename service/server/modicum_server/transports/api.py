"""The API process: both doors over one set of use cases, on one loop."""

import asyncio

from modicum_server.metrics.api import ApiMetrics
from modicum_server.metrics.scrapes import Scrapes
from modicum_server.ports import ArtifactStore, Changes, Store
from modicum_server.settings import Settings
from modicum_server.transports.grpc.server import GrpcServer
from modicum_server.transports.http.app import build_app
from modicum_server.transports.http.server import HttpServer
from modicum_server.transports.readiness import Readiness
from modicum_server.transports.services import build_services


class Api:
    """Serves gRPC and HTTP; what it is given to serve from is closed by who made it."""

    def __init__(
        self,
        store: Store,
        changes: Changes,
        artifacts: ArtifactStore,
        settings: Settings,
        *,
        metrics: ApiMetrics | None = None,
    ) -> None:
        """Take the adapters to serve from.

        Raises:
            ValueError: there is a certificate without its key, or a key without its certificate.
        """
        if (settings.tls_cert is None) != (settings.tls_key is None):
            raise ValueError("MODICUM_TLS_CERT and MODICUM_TLS_KEY belong together; set both, or neither")
        metrics = metrics or ApiMetrics()
        readiness = Readiness(store, artifacts)
        services = build_services(store, changes, artifacts, settings=settings, metrics=metrics)
        self._grpc = GrpcServer(services, store, readiness=readiness, settings=settings, metrics=metrics)
        self._scrapes = Scrapes(store, artifacts, readiness.check, settings)
        app = build_app(services, store, readiness=readiness, scrapes=self._scrapes, settings=settings, metrics=metrics)
        self._http = HttpServer(app, settings)

    async def start(self) -> tuple[int, int]:
        """Serve; returns the gRPC port and the HTTP port that are listened on.

        Raises:
            OSError: a port is taken, or the certificate or its key cannot be read.
        """
        http_port = await self._http.start()
        try:
            return await self._grpc.start(), http_port
        except OSError:
            await self._http.stop()
            raise

    async def stop(self, grace: float) -> None:
        """End watches with UNAVAILABLE, let other calls end for `grace` seconds, then leave."""
        await asyncio.gather(self._grpc.stop(grace), self._http.stop())
        await self._scrapes.close()
