"""Keys of a JWK set by their ids. Each has one algorithm, which no token can choose."""

from collections.abc import Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

#: The algorithms that are accepted, by kind of key. Signatures only: never a shared secret, never none.
ALGORITHMS: Mapping[tuple[str, str], str] = {
    ("RSA", ""): "RS256",
    ("EC", "P-256"): "ES256",
    ("EC", "P-384"): "ES384",
}
MOST_KEYS = 100
LONGEST_KEY_ID = 256
LEAST_RSA_BITS, MOST_RSA_BITS = 2048, 8192
PUBLIC_PARTS = ("kty", "kid", "n", "e", "crv", "x", "y")


def keys_of(document: Mapping[str, Any]) -> dict[str, jwt.PyJWK]:
    """Return the keys of a set that can verify identity tokens; others are left out.

    Raises:
        ValueError: it is no JWK set, or has more than `MOST_KEYS` keys.
    """
    listed = document.get("keys")
    if not isinstance(listed, list) or len(listed) > MOST_KEYS:
        raise ValueError(f"expected a JWK set of at most {MOST_KEYS} keys")
    keys: dict[str, jwt.PyJWK] = {}
    for jwk in listed:
        key = _key_of(jwk) if isinstance(jwk, dict) else None
        if key is not None and key.key_id is not None:
            keys.setdefault(key.key_id, key)
    return keys


def _key_of(jwk: Mapping[str, Any]) -> jwt.PyJWK | None:
    key_id, kind = jwk.get("kid"), jwk.get("kty")
    algorithm = ALGORITHMS.get((str(kind), str(jwk.get("crv", ""))))
    if not isinstance(key_id, str) or not 1 <= len(key_id) <= LONGEST_KEY_ID or algorithm is None:
        return None
    if jwk.get("use", "sig") != "sig" or jwk.get("alg", algorithm) != algorithm:
        return None
    try:
        key = jwt.PyJWK({part: jwk[part] for part in PUBLIC_PARTS if part in jwk}, algorithm)
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
        return None
    if isinstance(key.key, RSAPublicKey) and not LEAST_RSA_BITS <= key.key.key_size <= MOST_RSA_BITS:
        return None
    return key
