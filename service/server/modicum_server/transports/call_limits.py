"""The bounds on calls and connections that no setting changes. Tests give smaller ones."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much, how many and how long, of one API process."""

    longest_call_seconds: float = 120.0
    """Longest call without a stream, whatever its deadline."""
    authentication_seconds: float = 10.0
    """Longest authentication, of streams too: a database that takes longer hangs."""
    recheck_seconds: float = 2.0
    """Time between two looks at whether the tokens of open streams are still valid."""
    guess_seconds: float = 1.0
    """A wrong token is refused after this time, so that guessing is slow."""
    pause: Callable[[float], Awaitable[None]] = asyncio.sleep
    """How that time passes."""
    heartbeat_seconds: float = 15.0
    """Longest silence of a stream of events. Proxies close a stream that is silent for longer."""
    health_seconds: float = 5.0
    """Time between two looks at readiness, which the health of gRPC follows."""
    spare_calls: int = 6_000
    """Most gRPC calls at once besides watches. More are refused (TOO_MANY_CALLS)."""
    refused_calls: int = 6_000
    """Most gRPC calls at once that are refused with that reason. gRPC itself refuses more, without a reason."""
    spare_calls_of_principal: int = 750
    """Most gRPC calls of a principal at once besides its watches. A call counts until its reply has been sent."""
    spare_calls_of_project: int = 1_500
    """Most gRPC calls at once, besides watches, of all whose token has a role in the project."""
    health_watches: int = 1_000
    """Most watches of gRPC health at once, which need no token."""
    health_watches_of_address: int = 200
    """Most of them from one address."""
    tokenless_calls_of_address: int = 200
    """Most other gRPC calls without a token at once from one address: checks of health, and exchanges of tokens."""
    spare_calls_of_connection: int = 100
    """Most calls at once of a gRPC connection besides the watches of a principal. The client lets more wait."""
    spare_connections: int = 1_000
    """Most connections of gRPC, and of HTTP, besides those of watches. More are closed."""
    handshakes: int = 200
    """Most TLS handshakes of HTTP at once. The oldest is closed for a new one."""
    handshake_seconds: float = 20.0
    """Longest time until a gRPC connection speaks HTTP/2 (and TLS, where it is configured)."""
    head_seconds: float = 20.0
    """Longest time that an HTTP connection may take to send the head of a request."""
    unwanted_bytes_per_second: float = 8 * 1024 * 1024
    """Bytes of bodies that come after the response, of all HTTP connections together."""
    stuck_seconds: float = 60.0
    """Longest time in which the other side of an HTTP connection reads nothing of what waits to be sent."""

    async def delay_guess(self) -> None:
        """Wait before a guess is refused."""
        await self.pause(self.guess_seconds)


BOUNDS = Bounds()
