"""Who calls: the bearer token of a request, looked up by its SHA-256. Both doors ask here."""

import asyncio

from modicum_server.domain.projects import Principal
from modicum_server.errors import TokenInvalid, TokenMissing
from modicum_server.ports import Store
from modicum_server.usecases.access import token_digest

SCHEME = "bearer"


def bearer_token(authorization: str) -> str:
    """Return the token that stands in an authorization header.

    Raises:
        TokenMissing
    """
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != SCHEME or not token.strip():
        raise TokenMissing
    return token.strip()


async def authenticate(store: Store, authorization: str, seconds: float) -> Principal:
    """Return whose token stands in an authorization header; that there is none is told whatever the time.

    Raises:
        TokenMissing, TokenInvalid, DependencyUnavailable
        TimeoutError: the store did not answer within so many seconds.
    """
    asked = asyncio.ensure_future(_principal_of(store, bearer_token(authorization)))
    asked.add_done_callback(lambda task: task.cancelled() or task.exception())  # seen, whoever has left by then
    try:
        # Not asyncio.timeout, which waits for the end of what it cancels: ten seconds more where Postgres hangs.
        await asyncio.wait({asked}, timeout=seconds)
    finally:
        asked.cancel()
    if not asked.done():
        raise TimeoutError
    return asked.result()


async def _principal_of(store: Store, token: str) -> Principal:
    async with store.transaction() as transaction:
        principal = await transaction.projects.authenticate(token_digest(token))
    if principal is None:
        raise TokenInvalid
    return principal
