"""Reads signed tokens of OpenID Connect with PyJWT, for pipelines and for people alike.

The key, and with it the algorithm, comes from the issuer's own JWK set; no header of a token leads anywhere else.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jwt

from modicum_server.issuers.key_sets import ALGORITHMS
from modicum_server.ports import IdentityTokenInvalid

LONGEST_TOKEN_CHARACTERS = 16_384
#: How much the clocks of issuer and server may differ.
SKEW_SECONDS = 60
#: A token may live for a day, so its id is remembered for about that long.
LONGEST_LIFE_SECONDS = 86_400
#: Headers that tell where a key is, or change how a token is read.
REFUSED_HEADERS = frozenset({"jku", "x5u", "jwk", "x5c", "crit", "b64", "zip"})


def unverified(token: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return header and claims of a token without verifying anything.

    Raises:
        IdentityTokenInvalid: it is too long, or not a JSON Web Token.
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


def key_id_of(header: Mapping[str, Any]) -> str | None:
    """Return the key id of a header that has nothing suspicious; None where it has none.

    Raises:
        IdentityTokenInvalid
    """
    if header.get("alg") not in ALGORITHMS.values():
        accepted = ", ".join(ALGORITHMS.values())
        raise IdentityTokenInvalid(f"the algorithm of the identity token is not accepted; expected one of {accepted}")
    if refused := sorted(REFUSED_HEADERS & header.keys()):
        raise IdentityTokenInvalid(f"the identity token has the header {refused[0]}, which is not accepted")
    key_id = header.get("kid")
    if str(header.get("typ", "JWT")).upper() != "JWT" or not isinstance(key_id, str | None):
        raise IdentityTokenInvalid(
            "the header of the identity token must have the type JWT, and text as its key id (kid)"
        )
    return key_id


def decoded(token: str, key: jwt.PyJWK, issuer: str, *, required: Sequence[str]) -> Mapping[str, Any]:
    """Return the claims of a token whose signature, issuer and times hold, and which has all that are required.

    The caller compares the audience.

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
            options={"require": list(required), "verify_aud": False},  # the callers compare it as a whole
        )
        life = int(claims["exp"]) - int(claims["iat"])
    except jwt.ExpiredSignatureError:
        raise IdentityTokenInvalid("the identity token has expired; ask the issuer for another one") from None
    except jwt.ImmatureSignatureError:
        raise IdentityTokenInvalid(
            f"the identity token is not valid yet; its issuer's clock may differ by at most {SKEW_SECONDS} s"
        ) from None
    except jwt.MissingRequiredClaimError as error:
        raise IdentityTokenInvalid(f"the identity token lacks the claim {error.claim}") from None
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise IdentityTokenInvalid("the signature or a claim of the identity token is not valid") from None
    if not 0 < life <= LONGEST_LIFE_SECONDS:
        raise IdentityTokenInvalid(
            f"expected an identity token that is valid for at most {LONGEST_LIFE_SECONDS:,} s, got {life:,} s"
        )
    return claims


def audience_of(claims: Mapping[str, Any]) -> str:
    """Return the audience in verified claims. A token for several could be used by each of them.

    Raises:
        IdentityTokenInvalid: it has several audiences, or none.
    """
    audience = claims["aud"]
    if isinstance(audience, list) and len(audience) == 1:
        audience = audience[0]
    if not isinstance(audience, str) or not audience:
        raise IdentityTokenInvalid("expected an identity token for one audience")
    return audience
