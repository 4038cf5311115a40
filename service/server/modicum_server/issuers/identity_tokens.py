"""`ports.IdentityTokens`: verifies identity tokens of OpenID Connect with PyJWT.

The issuer is compared with the operator's list before anything is read from the network. The key, and with it the
algorithm, comes from the issuer's own JWK set; no header of a token leads anywhere else.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

import jwt

from modicum_server.domain.trust import Identity
from modicum_server.issuers.fetching import FetchBounds, FetchRefused, fetch_json
from modicum_server.issuers.issuer_keys import IssuerKeys
from modicum_server.issuers.key_sets import ALGORITHMS, keys_of
from modicum_server.ports import IdentityNotTrusted, IdentityTokenInvalid
from modicum_server.settings import Settings

LONGEST_TOKEN_CHARACTERS = 16_384
LONGEST_ID_CHARACTERS = 1024
#: How much the clocks of issuer and server may differ.
SKEW_SECONDS = 60
#: A token may live for a day, so its id is remembered for about that long.
LONGEST_LIFE_SECONDS = 86_400
REQUIRED = ("iss", "sub", "aud", "exp", "iat", "jti")
#: Headers that tell where a key is, or change how a token is read.
REFUSED_HEADERS = frozenset({"jku", "x5u", "jwk", "x5c", "crit", "b64", "zip"})
DISCOVERY = "/.well-known/openid-configuration"


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
        issuer = _unverified(token)[1].get("iss")
        if not isinstance(issuer, str) or issuer not in self._keys:
            raise IdentityTokenInvalid(
                "the issuer of the identity token is none that this server accepts; its operator lists them in "
                "MODICUM_TRUSTED_ISSUERS"
            )
        return issuer

    async def verified(self, token: str, *, issuer: str, audiences: Sequence[str]) -> Identity:
        """Return what a token of this issuer, for one of these audiences, says.

        Raises:
            IdentityTokenInvalid, IssuerUnavailable
            IdentityNotTrusted: it is for another audience.
        """
        key = await self._keys[issuer].find(_key_id(_unverified(token)[0]))
        if key is None:
            raise IdentityTokenInvalid("the issuer has no key with the key id (kid) of the identity token")
        identity = _identity(_decoded(token, key, issuer))
        if identity.audience not in audiences:
            raise IdentityNotTrusted.of(identity)
        return identity

    async def _read_keys(self, issuer: str) -> Mapping[str, jwt.PyJWK]:
        """Read the keys of an issuer from where its discovery document says.

        Raises:
            FetchRefused
        """
        fetch = partial(fetch_json, private=self._private, bounds=self._bounds)
        discovery = await fetch(issuer.rstrip("/") + DISCOVERY)
        place = discovery.get("jwks_uri")
        if discovery.get("issuer") != issuer or not isinstance(place, str):
            raise FetchRefused(f"{issuer}: the discovery document names another issuer, or no jwks_uri")
        try:
            return keys_of(await fetch(place))
        except ValueError as error:
            raise FetchRefused(f"{place}: {error}") from error


def _unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return header and claims of a token, of which nothing is verified.

    Raises:
        IdentityTokenInvalid: it is no token that could be.
    """
    if len(token) > LONGEST_TOKEN_CHARACTERS:
        raise IdentityTokenInvalid(
            f"expected an identity token of at most {LONGEST_TOKEN_CHARACTERS:,} characters, got {len(token):,}"
        )
    try:
        read = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise IdentityTokenInvalid("the identity token cannot be read; expected a signed JSON Web Token") from None
    return read["header"], read["payload"]


def _key_id(header: Mapping[str, Any]) -> str:
    """Return the key id of a header that has nothing suspicious.

    Raises:
        IdentityTokenInvalid
    """
    if header.get("alg") not in ALGORITHMS.values():
        accepted = ", ".join(ALGORITHMS.values())
        raise IdentityTokenInvalid(f"the algorithm of the identity token is not accepted; expected one of {accepted}")
    if refused := sorted(REFUSED_HEADERS & header.keys()):
        raise IdentityTokenInvalid(f"the identity token has the header {refused[0]}, which is not accepted")
    key_id = header.get("kid")
    if str(header.get("typ", "JWT")).upper() != "JWT" or not isinstance(key_id, str):
        raise IdentityTokenInvalid("expected an identity token with a key id (kid), of the type JWT")
    return key_id


def _decoded(token: str, key: jwt.PyJWK, issuer: str) -> Mapping[str, Any]:
    """Return the claims of a token whose signature, issuer and times hold.

    Raises:
        IdentityTokenInvalid
    """
    try:
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=[key.algorithm_name],
            issuer=issuer,
            leeway=SKEW_SECONDS,
            options={"require": list(REQUIRED), "verify_aud": False},  # compared as a whole by `verified`
        )
        life = int(claims["exp"]) - int(claims["iat"])
    except jwt.ExpiredSignatureError:
        raise IdentityTokenInvalid("the identity token has expired; ask the issuer for another one") from None
    except jwt.ImmatureSignatureError:
        raise IdentityTokenInvalid(
            f"the identity token is from the future; the clocks may differ by {SKEW_SECONDS} s"
        ) from None
    except jwt.MissingRequiredClaimError as error:
        raise IdentityTokenInvalid(f"the identity token lacks the claim {error.claim}") from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise IdentityTokenInvalid("the signature or a claim of the identity token is not valid") from None
    if not 0 < life <= LONGEST_LIFE_SECONDS:
        raise IdentityTokenInvalid(
            f"expected an identity token that lives for at most {LONGEST_LIFE_SECONDS:,} s, got {life:,} s"
        )
    return claims


def _identity(claims: Mapping[str, Any]) -> Identity:
    """Return the identity in verified claims. A token for several audiences could be used by each of them.

    Raises:
        IdentityTokenInvalid: it has several audiences, or an id that is empty or too long.
    """
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or not audience:
        raise IdentityTokenInvalid("expected an identity token for one audience")
    if not all(
        isinstance(claims[name], str) and 0 < len(claims[name]) <= LONGEST_ID_CHARACTERS for name in ("sub", "jti")
    ):
        raise IdentityTokenInvalid("expected an identity token with the texts sub and jti")
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
