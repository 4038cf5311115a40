"""Damaged verdicts and bundles: each part is deleted, or of another type, or huge. Never a bug, and never a pass."""

import json
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from modicum.attestation.bundle import Bundle, read_bundle, write_bundle
from modicum.attestation.model_signature import ModelSignature, model_signature_check
from modicum.attestation.sealing import seal_with, signer_with
from modicum.attestation.statement import attestable_verdict, canonical, result_statement, summary_statement
from modicum.attestation.verification import Expected, verification_of
from modicum.cli.exit_codes import USAGE, exit_code
from modicum.errors import ModicumError

from tests.attestation.attestation_stage import OPEN, PLANTED, TODAY, WAIVED, WEIGHTS_DIGEST, key_pair, told
from tests.gate.damage import DAMAGES, damaged, paths

PRIVATE, PUBLIC = key_pair()
EXPECTED = Expected(weights={"w.safetensors": WEIGHTS_DIGEST})
HALF, NO_NUMBER, MORE_THAN_EXACT = "\ud800", float("nan"), 2**60
EVERY = {**DAMAGES, "half a character": HALF, "no number": NO_NUMBER, "more than exact": MORE_THAN_EXACT}
SIGNED_MODEL = Path(__file__).parent / "signed_model"
IN_SHORT = 15
"""Damages of each document that go through the real command."""


def compared(verdict):
    """The verdict beside a baseline."""
    side = {"audit": "b", "created": "2026-11-26T00:00:00Z", "dataset": "d", "digest": "01" * 32}
    beside = {**side, "specification_digest": "02" * 32, "findings_digest": "03" * 32}
    return {**verdict, "result": {**verdict["result"], "baseline": beside}}


VERDICTS = {
    "pass": compared(told()),
    "waived": told(WAIVED, PLANTED),
    "fail": told(spots=PLANTED),
    "inconclusive": told(spots=OPEN),
}
PASSES = {"pass", "waived"}


def statement_of(verdict):
    """The payload of a verdict's test result."""
    return canonical(result_statement(verdict, b"", "v.json"))


def found_in(payload, seal=None):
    """The verification of a payload, by someone who has the public key and the weights."""
    return verification_of((seal or seal_with(PRIVATE))(payload), signer_with(PUBLIC), EXPECTED, today=TODAY)


def signed_anyway(data):
    """The payloads that are signed of a verdict's bytes; None where it is refused as a wrong file."""
    try:
        verdict = attestable_verdict(data, "v.json", today=TODAY)
        made = [result_statement(verdict, data, "v.json"), summary_statement(verdict)]
        return [canonical(one) for one in made if one is not None]
    except ModicumError as error:
        return None if exit_code(error) == USAGE else [str(error)]


@pytest.mark.long_after(1)
@pytest.mark.parametrize("title", VERDICTS)
def test_a_damaged_verdict_is_refused_or_signed_so_that_it_can_be_read(title):
    text, wrong = json.dumps(VERDICTS[title]), {}

    for path in paths(VERDICTS[title]):
        for name, damage in EVERY.items():
            payloads = signed_anyway(damaged(text, path, damage))
            if payloads is None:
                continue
            found = found_in(payloads[0])
            if "statement" in {check.name for check in found.checks}:
                wrong[f"{path} {name}"] = "signed, and cannot be read"
            elif title not in PASSES and (found.verified or len(payloads) > 1):
                wrong[f"{path} {name}"] = "a pass"

    assert wrong == {}


@pytest.mark.long_after(1)
@pytest.mark.parametrize("title", VERDICTS)
def test_a_signed_statement_of_another_form_is_refused(title):
    """Whoever has the key can sign anything. What cannot be read passes nobody, and neither does what did not pass."""
    payload, wrong = statement_of(VERDICTS[title]), {}
    whole = json.loads(payload)
    read = {"_type", "subject", "predicateType", "predicate"}
    assert set(whole) == read

    for path in paths(whole):
        for name, damage in EVERY.items():
            found = found_in(damaged(payload.decode(), path, damage))
            if title not in PASSES and found.verified:
                wrong[f"{path} {name}"] = "verified"
            if len(path) == 1 and found.verified:
                wrong[f"{path} {name}"] = "verified without a whole part"

    assert wrong == {}


@pytest.mark.parametrize("key", ["failedTests", "warnedTests", "passedTests"])
@pytest.mark.parametrize("value", [{}, "", 0, "spot", {"spot": 1}, [1], [["spot"]], None])
def test_names_of_rules_that_are_no_list_of_names_are_refused(key, value):
    whole = json.loads(statement_of(VERDICTS["pass"]))
    whole["predicate"][key] = value

    assert not found_in(json.dumps(whole).encode()).verified


@pytest.mark.parametrize("part", ["subject", "configuration"])
def test_a_name_or_a_role_that_comes_twice_is_refused(part):
    whole = json.loads(statement_of(VERDICTS["pass"]))
    entries = whole[part] if part in whole else whole["predicate"][part]
    entries.append({**entries[-1], "digest": {"sha256": "0" * 64}})

    found = found_in(json.dumps(whole).encode())

    assert [check.name for check in found.checks if not check.holds] == ["statement"]


def test_a_key_that_comes_twice_is_refused():
    payload = statement_of(VERDICTS["fail"]).replace(b'"result":"FAILED"', b'"result":"FAILED","result":"PASSED"')

    assert "comes twice" in found_in(payload).checks[-1].text


def test_no_damaged_bundle_is_verified():
    sealed = seal_with(PRIVATE)(statement_of(VERDICTS["pass"]))

    for path in paths(json.loads(sealed)):
        for damage in EVERY.values():
            assert not verification_of(
                damaged(sealed.decode(), path, damage), signer_with(PUBLIC), EXPECTED, today=TODAY
            ).verified


@pytest.mark.parametrize("title", VERDICTS)
def test_no_other_statement_is_verified_under_a_signature_that_it_did_not_get(title):
    sealed = read_bundle(seal_with(PRIVATE)(statement_of(VERDICTS["pass"])))
    other = json.loads(statement_of(VERDICTS[title]))
    other["predicate"]["result"] = "WARNED"

    changed = write_bundle(Bundle(canonical(other), sealed.signature, sealed.hint))

    assert not verification_of(changed, signer_with(PUBLIC), EXPECTED, today=TODAY).verified


SIGN = "modicum attest it.json --key k.pem --output v.sigstore.json"
VERIFY = "modicum verify w.safetensors --attestation v.sigstore.json --key k.pub --json"


@pytest.mark.long
def test_the_commands_end_with_a_plain_message_on_any_of_them(place):
    """A sample of the damages above, through the real commands."""
    verdict = json.loads(place.read("fail.json"))
    chosen = random.Random(7).sample([(path, name) for path in paths(verdict) for name in EVERY], IN_SHORT)

    for path, name in chosen:
        place.write("it.json", damaged(json.dumps(verdict), path, EVERY[name]))
        signed = place.shell(f"rm -f v.sigstore.json; {SIGN}")
        assert signed.returncode in {0, 2}, (path, name, signed.stderr)
        assert "Traceback" not in signed.stderr
        if signed.returncode == 0:
            assert place.shell(VERIFY).returncode == 1
        else:
            assert signed.stderr.startswith("modicum: it.json: ")
            assert not (place.folder / "v.sigstore.json").exists()


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"null",
        b"{}",
        b"[" * 100_000,
        b'{"_type": NaN}',
        b'{"_type": "\\ud800", "predicateType": "\\ud800"}',
    ],
    ids=["empty", "list", "null", "object", "nested", "NaN", "half a character"],
)
def test_verify_ends_with_1_where_the_key_signed_something_else(place, payload):
    key = load_pem_private_key(place.read("k.pem"), None)
    place.write("v.sigstore.json", seal_with(key)(payload))

    ended = place.shell(VERIFY)
    printed = place.shell(VERIFY.replace(" --json", ""))

    assert (ended.returncode, ended.stderr, printed.returncode, printed.stderr) == (1, "", 1, "")
    assert json.loads(ended.stdout)["verified"] is False


def test_no_damaged_model_signature_is_a_bug():
    """Without a key nothing of it is signed, so its payload may be anything."""
    data = (SIGNED_MODEL / "model.sig").read_bytes()
    bundle, outer = read_bundle(data), json.loads(data)
    payload = bundle.payload.decode()
    files = [damaged(data.decode(), path, damage) for path in paths(outer) for damage in EVERY.values()]
    files += [
        write_bundle(Bundle(damaged(payload, path, damage), bundle.signature, bundle.hint))
        for path in paths(json.loads(payload))
        for damage in EVERY.values()
    ]

    for one in files:
        for check in model_signature_check(ModelSignature(one, "model.sig", None), EXPECTED.weights):
            assert not check.holds
