"""`calls.Wire` for gRPC: reads the metadata of a call, and refuses it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn
from urllib.parse import unquote

import grpc

from modicum_server.domain.trusted_proxies import FORWARDED_FOR, TrustedProxies
from modicum_server.transports.grpc.statuses import status_of
from modicum_server.transports.layers import REQUEST_ID_HEADER
from modicum_server.transports.pages_address import PAGES_HEADER
from modicum_server.transports.refusals import Refusal

STATUS_TRAILER = "grpc-status-details-bin"
OPEN_SERVICES = ("/grpc.health.v1.Health/",)
"""Services that need no token."""
NO_PROXIES = TrustedProxies()


@dataclass(frozen=True, slots=True)
class GrpcWire:
    """`calls.Wire` over a call's context."""

    transport: ClassVar[str] = "grpc"
    context: "grpc.aio.ServicerContext[Any, Any]"
    pages: str = ""
    """Where browsers find the pages; empty where that is not known."""
    proxies: TrustedProxies = NO_PROXIES

    def header(self, name: str) -> str:
        """Return a text header of the request; empty when it is missing."""
        return next(self._headers(name), "")

    def _headers(self, name: str) -> Iterator[str]:
        for key, value in self.context.invocation_metadata() or ():
            if key == name and isinstance(value, str):
                yield value

    def client_address(self) -> str:
        """Return the caller's address without its port."""
        return self.proxies.caller(address_of(self.context.peer()), self._headers(FORWARDED_FOR))

    def remaining_seconds(self) -> float | None:
        """Return the time until the caller's deadline."""
        return self.context.time_remaining()

    def identify(self, request_id: str) -> None:
        """Put the request id into the reply, and where the pages are."""
        told = ((PAGES_HEADER, self.pages),) if self.pages else ()
        self.context.set_trailing_metadata(((REQUEST_ID_HEADER, request_id), *told))

    async def refuse(self, refusal: Refusal) -> None:
        """Set the status with which the call ends once its handler returns; it travels in the trailers.

        `abort` here would raise an error that holds every frame of the call until the garbage collector comes.
        """
        status = status_of(refusal)
        self.context.set_code(refusal.code)
        self.context.set_details(refusal.text)
        self.context.set_trailing_metadata(
            ((REQUEST_ID_HEADER, refusal.request_id), (STATUS_TRAILER, status.SerializeToString()))
        )

    async def end_without_reply(self) -> NoReturn:
        """End a refused call that has one reply. If its handler returned, gRPC would send an empty reply as well.

        Raises:
            AbortError: as gRPC expects it. It holds the frame of the handler alone, because the layers are closed.
        """
        await self.context.abort(self.code(), self.context.details(), self.context.trailing_metadata())

    def code(self) -> grpc.StatusCode:
        """Return the code that was set, by a refusal or by health or reflection."""
        number = self.context.code()
        return next((code for code in grpc.StatusCode if number in (code, code.value[0])), grpc.StatusCode.UNKNOWN)


def address_of(peer: str) -> str:
    """Return the address in gRPC's name of a peer: `ipv4:10.0.0.7:4711` is 10.0.0.7, `ipv6:%5B::1%5D:4711` is ::1."""
    family, _, place = unquote(peer).partition(":")
    return place.rpartition(":")[0].strip("[]") if family in {"ipv4", "ipv6"} else ""
