"""Finds the principal of a call by the SHA-256 of its bearer token, for gRPC and REST."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from modicum_server.domain.projects import Principal
from modicum_server.errors import TokenInvalid, TokenMissing
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.access import token_digest
from modicum_server.usecases.bearer_tokens import is_damaged
from modicum_server.usecases.token_use import note_use

SCHEME = "bearer"
FindByDigest = Callable[[Transaction, str], Awaitable[Principal | None]]
"""Finds the principal of a token by its digest; None where there is no good one."""


def given_token(authorization: str) -> str:
    """Return the token in an authorization header; empty without one."""
    scheme, _, token = authorization.strip().partition(" ")
    return token.strip() if scheme.lower() == SCHEME else ""


def bearer_token(authorization: str) -> str:
    """Return the token in an authorization header.

    Raises:
        TokenMissing
    """
    token = given_token(authorization)
    if not token:
        raise TokenMissing
    return token


async def _by_roles(transaction: Transaction, digest: str) -> Principal | None:
    return await transaction.projects.authenticate(digest)


async def authenticate(
    store: Store, authorization: str, seconds: float, *, find: FindByDigest = _by_roles
) -> Principal:
    """Return the principal whose token is in an authorization header. A missing token is refused without the store.

    `find` looks for the token; without one, for a token with roles.

    Raises:
        TokenMissing, TokenInvalid, DependencyUnavailable
        TimeoutError: the store did not reply within `seconds`.
    """
    return await within(_principal_of(store, bearer_token(authorization), find), seconds)


async def within(lookup: Coroutine[Any, Any, Principal], seconds: float) -> Principal:
    """Return what a lookup in the store finds.

    Raises:
        TimeoutError: the store did not reply within `seconds`.
    """
    asked = asyncio.ensure_future(lookup)
    asked.add_done_callback(lambda task: task.cancelled() or task.exception())  # retrieved, even when nobody waits
    try:
        # asyncio.timeout would wait for the cancelled lookup to end, which takes ten seconds more when Postgres hangs.
        await asyncio.wait({asked}, timeout=seconds)
    finally:
        asked.cancel()
    if not asked.done():
        raise TimeoutError
    return asked.result()


async def _principal_of(store: Store, token: str, find: FindByDigest) -> Principal:
    if is_damaged(token):
        raise TokenInvalid("the bearer token is damaged: its checksum does not fit; set the whole token")
    async with store.transaction() as transaction:
        principal = await find(transaction, token_digest(token))
    if principal is None:
        raise TokenInvalid
    await note_use(store, principal)
    return principal
