"""What an OpenSSF model signature (`model.sig`, written by `model-signing`) says of the files of weights.

The signature is verified where the user gives the signer's key. Without a key it can only contradict: anybody may have
written it. Only whole files by SHA-256 are read, as `model-signing` hashes them unless told otherwise.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from modicum.attestation.bundle import read_bundle
from modicum.attestation.checks import Check, Unverified
from modicum.attestation.envelope import holds
from modicum.attestation.keys import hint_of

NAME = "model signature"
PREDICATE = "https://model_signing/signature/v1.0"
SHA256 = "sha256"


@dataclass(frozen=True, slots=True)
class ModelSignature:
    """The bytes of a `model.sig`, what its file is called, and the key of its signer, None if the user has none."""

    data: bytes
    file: str
    key: ec.EllipticCurvePublicKey | None


def model_signature_check(given: ModelSignature, weights: Mapping[str, str]) -> Iterator[Check]:
    """Check that it names every file of weights, by their SHA-256, and that the key signed it."""
    try:
        listed = _listed(_payload(given))
    except Unverified as error:
        yield Check(NAME, holds=False, text=f"{given.file}: {error}")
        return
    signed = "not verified" if given.key is None else f"by the key {hint_of(given.key)}"
    for file, digest in weights.items():
        told = (
            f"{given.file} lists {file} as {listed[digest]}"
            if digest in listed
            else f"{given.file} does not list {file}"
        )
        yield Check(NAME, holds=digest in listed, text=f"{told}; its signature: {signed}")


def _payload(given: ModelSignature) -> bytes:
    bundle = read_bundle(given.data)
    if given.key is not None and not holds(bundle.signature, bundle.payload, given.key):
        raise Unverified(f"the key {hint_of(given.key)} did not sign it")
    return bundle.payload


def _listed(payload: bytes) -> Mapping[str, str]:
    """The names of the signed files by their SHA-256."""
    try:
        statement = json.loads(payload)
        _refuse_other_forms(statement)
        resources = statement["predicate"]["resources"]
        whole = hashlib.sha256(b"".join(bytes.fromhex(one["digest"]) for one in resources)).hexdigest()
        (subject,) = statement["subject"]
        if subject["digest"][SHA256] != whole:
            raise Unverified("its list of files does not match its own digest")
        return {one["digest"]: one["name"] for one in resources}
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise Unverified("expected a signature that `model-signing` 1.0 or newer wrote") from error


def _refuse_other_forms(statement: Mapping[str, Any]) -> None:
    if statement["predicateType"] != PREDICATE:
        raise Unverified(f"expected a statement of the type {PREDICATE}, got {statement['predicateType']}")
    form = statement["predicate"]["serialization"]
    if (form["method"], form["hash_type"]) != ("files", SHA256):
        raise Unverified(f"expected whole files by {SHA256}, got {form['method']} by {form['hash_type']}")
