"""DSSE envelopes of in-toto statements: what is signed, and whether a signature holds."""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PAYLOAD_TYPE = "application/vnd.in-toto+json"
#: By the size of a key in bits.
HASHES: dict[int, hashes.HashAlgorithm] = {256: hashes.SHA256(), 384: hashes.SHA384(), 521: hashes.SHA512()}


def signed_bytes(payload: bytes) -> bytes:
    """Return what a signature is over: DSSE's pre-authentication encoding of type and payload."""
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def sign(payload: bytes, key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the signature in DER."""
    signature: bytes = key.sign(signed_bytes(payload), ec.ECDSA(HASHES[key.key_size]))
    return signature


def holds(signature: bytes, payload: bytes, key: ec.EllipticCurvePublicKey) -> bool:
    """Return whether the key made this signature over this payload."""
    try:
        key.verify(signature, signed_bytes(payload), ec.ECDSA(HASHES[key.key_size]))
    except InvalidSignature:
        return False
    return True
