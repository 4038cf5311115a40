"""Sigstore bundles v0.3 with one DSSE envelope and one signature. Verifies no signature."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import rfc8785

from modicum.attestation.checks import Unverified
from modicum.attestation.envelope import PAYLOAD_TYPE

MEDIA_TYPE = "application/vnd.dev.sigstore.bundle.v0.3+json"
MOST_BYTES = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle holds. `hint` names the key, and nobody signed it; empty without a key."""

    payload: bytes
    signature: bytes
    hint: str


def write_bundle(bundle: Bundle) -> bytes:
    """Return its bytes, the same for the same bundle."""
    signature = {"keyid": "", "sig": base64.b64encode(bundle.signature).decode()}
    data: bytes = rfc8785.dumps(
        {
            "mediaType": MEDIA_TYPE,
            "verificationMaterial": {"publicKey": {"hint": bundle.hint}, "tlogEntries": []},
            "dsseEnvelope": {
                "payload": base64.b64encode(bundle.payload).decode(),
                "payloadType": PAYLOAD_TYPE,
                "signatures": [signature],
            },
        }
    )
    return data


def read_bundle(data: bytes) -> Bundle:
    """Read a bundle.

    Raises:
        Unverified: the bytes are not a bundle.
    """
    document = _json(data)
    try:
        if document["mediaType"] != MEDIA_TYPE:
            raise Unverified(f"expected a Sigstore bundle of the type {MEDIA_TYPE}, got {document['mediaType']!r}")
        envelope = document["dsseEnvelope"]
        if envelope["payloadType"] != PAYLOAD_TYPE:
            raise Unverified(f"expected a payload of the type {PAYLOAD_TYPE}, got {envelope['payloadType']!r}")
        (signature,) = envelope["signatures"]
        hint = document["verificationMaterial"].get("publicKey", {}).get("hint", "")
        return Bundle(_decoded(envelope["payload"]), _decoded(signature["sig"]), str(hint))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise Unverified("expected a Sigstore bundle with one envelope and one signature") from error


def read_own_bundle(data: bytes) -> Bundle:
    """Read a bundle that must equal, byte for byte, what `write_bundle` writes: unsigned parts must not differ either.

    Raises:
        Unverified: the bytes are not such a bundle.
    """
    bundle = read_bundle(data)
    try:
        same = write_bundle(bundle) == data
    except ValueError:  # the hint is not text
        same = False
    if not same:
        raise Unverified("expected the bytes that `modicum attest` writes; the file was changed")
    return bundle


def _json(data: bytes) -> Mapping[str, Any]:
    if len(data) > MOST_BYTES:
        raise Unverified(f"expected a bundle of at most {MOST_BYTES:,} bytes, got {len(data):,}")
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Unverified("expected a Sigstore bundle in JSON") from error
    if not isinstance(document, dict):
        raise Unverified(f"expected a Sigstore bundle, got {type(document).__name__}")
    return document


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)
