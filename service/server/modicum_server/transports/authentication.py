"""Who calls: the bearer token of a request, looked up by its SHA-256. Both doors ask here."""

from modicum_server.errors import TokenInvalid, TokenMissing
from modicum_server.ports import Principal, Store
from modicum_server.usecases.access import token_digest

SCHEME = "bearer"


async def authenticate(store: Store, authorization: str) -> Principal:
    """Return whose token stands in an authorization header.

    Raises:
        TokenMissing, TokenInvalid, DependencyUnavailable
    """
    scheme, _, token = authorization.strip().partition(" ")
    if scheme.lower() != SCHEME or not token.strip():
        raise TokenMissing
    async with store.transaction() as transaction:
        principal = await transaction.projects.authenticate(token_digest(token.strip()))
    if principal is None:
        raise TokenInvalid
    return principal
