"""`ports.IdentityTokens`: verifies the identity tokens of jobs.

The issuer is compared with the operator's list before anything is read from the network.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jwt

from modicum_server.domain.trust import Identity
from modicum_server.issuers.discovery import read_discovery, read_keys
from modicum_server.issuers.fetching import FetchBounds, fetch_json
from modicum_server.issuers.issuer_keys import IssuerKeys
from modicum_server.issuers.signed_tokens import audience_of, decoded, key_id_of, unverified
from modicum_server.ports import IdentityNotTrusted, IdentityTokenInvalid
from modicum_server.settings import Settings

LONGEST_ID_CHARACTERS = 1024
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "jti")


class JwtIdentityTokens:
    """Verifies tokens of the issuers that the settings name."""

    def __init__(self, settings: Settings, *, bounds: FetchBounds | None = None) -> None:
        self._private = settings.allow_private_issuers
        self._bounds = bounds or FetchBounds()
        self._keys = {
            issuer: IssuerKeys(issuer, partial(self._read_keys, issuer)) for issuer in settings.trusted_issuers
        }

    def issuer_of(self, token: str) -> str:
        """Return the issuer that a token names. Nothing is verified yet.

        Raises:
            IdentityTokenInvalid
        """
        issuer = unverified(token)[1].get("iss")
        if not isinstance(issuer, str) or issuer not in self._keys:
            raise IdentityTokenInvalid(
                "this server does not accept the issuer of the identity token; its operator lists the accepted "
                "issuers in MODICUM_TRUSTED_ISSUERS"
            )
        return issuer

    async def verified(self, token: str, *, issuer: str, audiences: Sequence[str]) -> Identity:
        """Return what a token of this issuer, for one of these audiences, says.

        Raises:
            IdentityTokenInvalid, IssuerUnavailable
            IdentityNotTrusted: it is for another audience.
        """
        key_id = key_id_of(unverified(token)[0])
        if key_id is None:
            raise IdentityTokenInvalid("the identity token has no key id (kid) in its header")
        key = await self._keys[issuer].find(key_id)
        if key is None:
            raise IdentityTokenInvalid("the issuer has no key with the key id (kid) of the identity token")
        identity = _identity(decoded(token, key, issuer, required=REQUIRED))
        if identity.audience not in audiences:
            raise IdentityNotTrusted.of(identity)
        return identity

    async def _read_keys(self, issuer: str) -> Mapping[str, jwt.PyJWK]:
        """Read the keys of an issuer from where its discovery document says.

        Raises:
            FetchRefused
        """
        fetch = partial(fetch_json, private=self._private, bounds=self._bounds)
        return await read_keys(await read_discovery(issuer, fetch), fetch)


def _identity(claims: Mapping[str, Any]) -> Identity:
    """Return the identity in verified claims.

    Raises:
        IdentityTokenInvalid: it has several audiences, or an id that is empty or too long.
    """
    audience = audience_of(claims)
    if not all(
        isinstance(claims[name], str) and 0 < len(claims[name]) <= LONGEST_ID_CHARACTERS for name in ("sub", "jti")
    ):
        raise IdentityTokenInvalid(
            f"the claims sub and jti of the identity token must be text of 1 to {LONGEST_ID_CHARACTERS:,} characters"
        )
    return Identity(
        issuer=claims["iss"],
        audience=audience,
        subject=claims["sub"],
        token_id=claims["jti"],
        expire_time=datetime.fromtimestamp(int(claims["exp"]), UTC),
        claims={name: text for name, value in claims.items() if (text := _text(value)) is not None},
    )


def _text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, (str, int)) else None
