"""Sealing a statement in a bundle, and opening one: with a key here, for an identity in `keyless`."""

from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric import ec

from modicum.attestation.bundle import Bundle, read_own_bundle, write_bundle
from modicum.attestation.checks import Unverified
from modicum.attestation.envelope import holds, sign
from modicum.attestation.keys import hint_of

#: From a statement's bytes to those of a bundle.
Seal = Callable[[bytes], bytes]
#: From the bytes of a bundle to those of the statement in it, and who signed it, in words. Raises Unverified.
Signer = Callable[[bytes], tuple[bytes, str]]


def seal_with(key: ec.EllipticCurvePrivateKey) -> Seal:
    """Return what signs with this key."""
    hint = hint_of(key.public_key())
    return lambda payload: write_bundle(Bundle(payload, sign(payload, key), hint))


def signer_with(key: ec.EllipticCurvePublicKey) -> Signer:
    """Return the signer that has this key."""
    hint = hint_of(key)

    def payload_of(data: bytes) -> tuple[bytes, str]:
        bundle = read_own_bundle(data)
        if bundle.hint != hint:
            raise Unverified(f"the bundle names another key, expected {hint}")
        if not holds(bundle.signature, bundle.payload, key):
            raise Unverified(f"the key {hint} did not sign this statement")
        return bundle.payload, f"ECDSA P-256 by the key {hint}"

    return payload_of
