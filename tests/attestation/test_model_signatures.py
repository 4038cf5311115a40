"""OpenSSF model signatures, as `model-signing` 1.1.1 wrote those in `signed_model`."""

import base64
import hashlib
import json
from pathlib import Path

import pytest
from modicum.attestation.keys import ANY_CURVE, public_key
from modicum.attestation.model_signature import ModelSignature, model_signature_check

from tests.attestation.attestation_stage import key_pair

SIGNED = Path(__file__).parent / "signed_model"
KEY = public_key(SIGNED / "k.pub")
WEIGHTS = {"w.safetensors": hashlib.sha256((SIGNED / "model" / "w.safetensors").read_bytes()).hexdigest()}


def check(data, key=KEY, weights=WEIGHTS):
    (found,) = model_signature_check(ModelSignature(data, "model.sig", key), weights)
    return found


def changed(**given):
    """The signature with parts of its statement replaced, which leaves nothing signed."""
    document = json.loads((SIGNED / "model.sig").read_bytes())
    statement = json.loads(base64.b64decode(document["dsseEnvelope"]["payload"]))
    statement["predicate"] |= given
    document["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    ("name", "key", "listed"),
    [("model.sig", "k.pub", "w.safetensors"), ("one.sig", "k.pub", "."), ("p384.sig", "p384.pub", "w.safetensors")],
)
def test_a_signature_of_model_signing_lists_the_weights(name, key, listed):
    found = check((SIGNED / name).read_bytes(), public_key(SIGNED / key, ANY_CURVE))

    assert found.holds
    assert found.text.startswith(f"model.sig lists w.safetensors as {listed}; its signature: by the key ")


def test_other_weights_are_not_listed():
    found = check((SIGNED / "model.sig").read_bytes(), weights={"x": "77" * 32})

    assert (found.holds, found.text[:29]) == (False, "model.sig does not list x; it")


def test_without_a_key_the_signature_is_said_to_be_unverified():
    found = check(changed(), key=None)

    assert found.holds
    assert found.text.endswith("its signature: not verified")


def test_the_list_of_a_signature_for_an_identity_is_read_but_no_key_signed_it():
    document = json.loads((SIGNED / "model.sig").read_bytes())
    document["verificationMaterial"] = {"certificate": {"rawBytes": ""}, "tlogEntries": []}

    assert check(json.dumps(document).encode(), key=None).text.endswith("its signature: not verified")
    assert not check(json.dumps(document).encode(), key=key_pair()[1]).holds


@pytest.mark.parametrize(
    ("data", "key", "says"),
    [
        (changed(), KEY, "did not sign it"),
        ((SIGNED / "model.sig").read_bytes(), key_pair()[1], "did not sign it"),
        (changed(resources=[]), None, "does not match its own digest"),
        (changed(serialization={"method": "shards", "hash_type": "sha256"}), None, "expected whole files by sha256"),
        (changed(serialization={"method": "files", "hash_type": "blake3"}), None, "got files by blake3"),
        (changed(serialization={}), None, "expected a signature that `model-signing` 1.0 or newer wrote"),
        (b"no bundle", None, "expected a Sigstore bundle in JSON"),
    ],
    ids=["changed", "another key", "other files", "shards", "another hash", "no form", "no bundle"],
)
def test_what_does_not_hold_is_refused(data, key, says):
    found = check(data, key)

    assert not found.holds
    assert says in found.text
