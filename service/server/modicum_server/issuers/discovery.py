"""Reads the discovery document of an issuer, and the keys at the address that it names."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import jwt

from modicum_server.issuers.fetching import FetchRefused
from modicum_server.issuers.key_sets import keys_of

DISCOVERY = "/.well-known/openid-configuration"
Fetch = Callable[[str], Awaitable[Mapping[str, Any]]]


async def read_discovery(issuer: str, fetch: Fetch) -> Mapping[str, Any]:
    """Return the discovery document of an issuer.

    Raises:
        FetchRefused: it cannot be read, or is another issuer's.
    """
    document = await fetch(issuer.rstrip("/") + DISCOVERY)
    if document.get("issuer") != issuer:
        raise FetchRefused(f"{issuer}: the discovery document names another issuer")
    return document


async def read_keys(discovery: Mapping[str, Any], fetch: Fetch) -> Mapping[str, jwt.PyJWK]:
    """Return the keys of an issuer, by their ids.

    Raises:
        FetchRefused
    """
    place = discovery.get("jwks_uri")
    if not isinstance(place, str):
        raise FetchRefused(f"{discovery['issuer']}: the discovery document has no jwks_uri")
    try:
        return keys_of(await fetch(place))
    except ValueError as error:
        raise FetchRefused(f"{place}: {error}") from error
