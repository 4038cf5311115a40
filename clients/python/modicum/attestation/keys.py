"""Keys of ECDSA in PEM files. Signatures are made with P-256 alone; `model-signing` also uses P-384 and P-521."""

import base64
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from modicum.errors import InvalidSource
from modicum.sources.contents import whole_file

P256 = ("secp256r1",)
ANY_CURVE = ("secp256r1", "secp384r1", "secp521r1")
MAKE_ONE = "`openssl ecparam -name prime256v1 -genkey -noout -out k.pem` makes one"
MAKE_PUBLIC = "`openssl ec -in k.pem -pubout -out k.pub` writes it"


def private_key(path: Path, password: str | None) -> ec.EllipticCurvePrivateKey:
    """Read the key that signs.

    Raises:
        InvalidSource: it cannot be read, is no private key on P-256, or needs a password.
    """
    data = whole_file(path)
    try:
        key = load_pem_private_key(data, None if password is None else password.encode())
    except TypeError as error:  # encrypted without a password, or the other way round
        told = "is encrypted; set MODICUM_KEY_PASSWORD" if password is None else "is not encrypted"
        raise InvalidSource(f"{path}: the key {told}") from error
    except Exception as error:  # cryptography raises errors of several kinds for what it cannot read
        raise InvalidSource(f"{path}: expected a private key in PEM and its password; {MAKE_ONE}") from error
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name not in P256:
        raise InvalidSource(f"{path}: expected an ECDSA key on the curve P-256; {MAKE_ONE}")
    return key


def public_key(path: Path, curves: tuple[str, ...] = P256) -> ec.EllipticCurvePublicKey:
    """Read the key that verifies.

    Raises:
        InvalidSource: it cannot be read, or is no public key on one of the curves.
    """
    data = whole_file(path)
    if b"PRIVATE KEY-----" in data:
        raise InvalidSource(f"{path}: expected a public key, got a private one; {MAKE_PUBLIC}")
    try:
        key = load_pem_public_key(data)
    except Exception as error:  # cryptography raises errors of several kinds for what it cannot read
        raise InvalidSource(f"{path}: expected a public key in PEM; {MAKE_PUBLIC}") from error
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name not in curves:
        raise InvalidSource(f"{path}: expected an ECDSA key on the curve {' or '.join(curves)}")
    return key


def hint_of(key: ec.EllipticCurvePublicKey) -> str:
    """Return what names a key: the SHA-256 of its DER form in base64, as in RFC 6962."""
    form = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(form).digest()).decode()
