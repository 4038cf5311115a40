"""Bundles: of the form that others read, signed so that others verify it, and refused with any byte changed."""

import base64
import json

import hypothesis
import pytest
import securesystemslib.dsse
from hypothesis import strategies
from modicum.attestation.bundle import Bundle, read_bundle, write_bundle
from modicum.attestation.checks import Unverified
from modicum.attestation.sealing import seal_with, signer_with
from modicum.attestation.statement import canonical, result_statement
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from sigstore_models.bundle.v1 import Bundle as SigstoreBundle

from tests.attestation.attestation_stage import key_pair, public_pem, told

PRIVATE, PUBLIC = key_pair()
PAYLOAD = canonical(result_statement(told(), b"", "v.json"))
SEALED = seal_with(PRIVATE)(PAYLOAD)


def securesystemslib_key(public):
    value = {"public": public_pem(public).decode()}
    return SSlibKey("", "ecdsa", "ecdsa-sha2-nistp256", value)


def test_a_bundle_is_a_sigstore_bundle_of_version_0_3():
    read = SigstoreBundle.from_json(SEALED)

    assert read.media_type == "application/vnd.dev.sigstore.bundle.v0.3+json"
    assert base64.b64decode(read.verification_material.public_key.hint) != b""
    assert read.dsse_envelope.payload == PAYLOAD
    assert read.dsse_envelope.payload_type == "application/vnd.in-toto+json"


def test_its_signature_holds_by_another_library():
    envelope = securesystemslib.dsse.Envelope.from_dict(json.loads(SEALED)["dsseEnvelope"])

    envelope.verify([securesystemslib_key(PUBLIC)], 1)
    with pytest.raises(VerificationError):
        envelope.verify([securesystemslib_key(key_pair()[1])], 1)


def test_who_has_the_key_reads_the_statement():
    payload, told_by = signer_with(PUBLIC)(SEALED)

    assert payload == PAYLOAD
    assert told_by.startswith("ECDSA P-256 by the key ")


def test_another_key_is_refused():
    with pytest.raises(Unverified, match="the bundle names another key"):
        signer_with(key_pair()[1])(SEALED)


def test_another_key_is_refused_where_the_bundle_claims_the_right_one():
    other, _ = key_pair()
    forged = read_bundle(seal_with(other)(PAYLOAD))
    claimed = write_bundle(Bundle(forged.payload, forged.signature, read_bundle(SEALED).hint))

    with pytest.raises(Unverified, match="did not sign this statement"):
        signer_with(PUBLIC)(claimed)


@hypothesis.given(strategies.integers(0, len(SEALED) - 1), strategies.integers(1, 255))
def test_any_changed_byte_is_refused(position, flip):
    changed = bytearray(SEALED)
    changed[position] ^= flip

    with pytest.raises(Unverified):
        signer_with(PUBLIC)(bytes(changed))


def test_any_flipped_bit_at_any_place_is_refused():
    for position in range(len(SEALED)):
        changed = bytearray(SEALED)
        changed[position] ^= 1

        with pytest.raises(Unverified):
            signer_with(PUBLIC)(bytes(changed))


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "expected a Sigstore bundle in JSON"),
        (b"[]", "expected a Sigstore bundle, got list"),
        (b"{}", "expected a Sigstore bundle with one envelope and one signature"),
        (b"[" * 100_000, "expected a Sigstore bundle in JSON"),
        (b'{"mediaType": "x"}', "expected a Sigstore bundle of the type"),
        (SEALED + b"\n", "the file was changed"),
        (b" " * 5_000_000, "expected a bundle of at most 4,194,304 bytes"),
        (SEALED.replace(b"in-toto+json", b"in-toto+yaml"), "expected a payload of the type"),
        (SEALED.replace(b'"keyid":""', b'"keyid":"a"'), "the file was changed"),
        (SEALED.replace(b'"hint":"', b'"hint":"\\ud800'), "the file was changed"),
    ],
    ids=["empty", "list", "object", "nested", "type", "newline", "large", "payload type", "key id", "surrogate"],
)
def test_what_is_no_bundle_is_refused(data, says):
    with pytest.raises(Unverified, match=says):
        signer_with(PUBLIC)(data)
