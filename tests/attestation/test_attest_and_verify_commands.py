"""`modicum attest` and `modicum verify` as a shell sees them: exit codes, files, and what is refused."""

import json
import os
import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from tests import machine
from tests.attestation.attestation_stage import key_pair, private_pem, public_pem
from tests.ports import free_port
from tests.readers import READERS

SIGN = "modicum attest pass.json --key k.pem --output v.sigstore.json"
VERIFY = "modicum verify w.safetensors --attestation v.sigstore.json --key k.pub --policy modicum.yaml --max-age 30d"
SIGNED_MODEL = Path(__file__).parent / "signed_model"
#: A start of Python in which a package is not found, as where it is not installed.
WITHOUT = """import importlib.util as util
find = util.find_spec
util.find_spec = lambda name, *more: None if name == {!r} else find(name, *more)
"""


@pytest.fixture
def signed(place):
    """The place, with the test result of a PASS signed."""
    ended = place.shell(SIGN)
    assert ended.returncode == 0, ended.stderr
    return place


def flip(place, name):
    data = bytearray(place.read(name))
    data[10] ^= 1
    place.write(name, bytes(data))


def test_a_signed_pass_is_verified_and_everything_that_was_checked_is_listed(signed):
    ended = signed.shell(VERIFY)

    assert (ended.returncode, ended.stderr) == (0, "")
    lines = ended.stdout.splitlines()
    assert lines[0] == "VERIFIED: every check holds"
    assert [line.split(":")[0] for line in lines[1:6]] == [
        "ok  signature",
        "ok  verdict",
        "ok  weights",
        "ok  policy",
        "ok  age",
    ]
    assert all(line.startswith("not checked: ") for line in lines[6:])


@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.long
def test_the_exit_code_survives_whatever_reads_it(signed, reader):
    verified = signed.shell(reader % VERIFY)
    flip(signed, "w.safetensors")
    refused = signed.shell(reader % VERIFY)

    assert (verified.returncode, refused.returncode) == (0, 1), verified.stderr + refused.stderr
    assert "bug" not in verified.stderr + refused.stderr


@pytest.mark.long
def test_a_server_that_cannot_be_asked_for_the_findings_is_not_completed(signed):
    ended = signed.shell(f"{VERIFY} --stored", MODICUM_ADDRESS=f"127.0.0.1:{free_port()}")

    assert ended.returncode == 3, ended.stderr
    assert "VERIFIED" not in ended.stdout


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("w.safetensors", "REFUSED: weights"),
        ("modicum.yaml", "REFUSED: policy"),
        ("v.sigstore.json", "REFUSED: signature"),
    ],
)
def test_one_flipped_bit_of_weights_policy_or_bundle_ends_with_1(signed, name, says):
    flip(signed, name)

    ended = signed.shell(VERIFY)

    assert (ended.returncode, ended.stdout.splitlines()[0]) == (1, says)


def test_another_key_ends_with_1(signed):
    ended = signed.shell(VERIFY.replace("k.pub", "other.pub"))

    assert ended.returncode == 1
    assert "NO  signature: the bundle names another key" in ended.stdout


@pytest.mark.long
def test_a_verdict_that_is_too_old_ends_with_1(place):
    verdict = json.loads(place.read("pass.json"))
    place.write("pass.json", json.dumps({**verdict, "judged_on": "2020-01-01"}).encode())

    ended = place.shell(f"{SIGN} && {VERIFY}")

    assert ended.returncode == 1
    assert "REFUSED: age" in ended.stdout


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("line", "says"),
    [
        (VERIFY.replace("v.sigstore.json", "absent"), "absent: cannot be read: No such file or directory"),
        (VERIFY.replace("w.safetensors", "absent"), "absent: cannot be read: No such file or directory"),
        (VERIFY.replace("modicum.yaml", "absent"), "absent: cannot be read: No such file or directory"),
        (VERIFY.replace("k.pub", "absent"), "absent: cannot be read: No such file or directory"),
        (VERIFY.replace("k.pub", "k.pem"), "k.pem: expected a public key, got a private one"),
        (VERIFY.replace("k.pub", "w.safetensors"), "w.safetensors: expected a public key in PEM"),
        (VERIFY.replace("30d", "30"), "--max-age: expected a number of days such as 30d, got '30'"),
        (VERIFY.replace("--key k.pub", ""), "expected --key FILE, or --identity NAME with --issuer URL"),
        (f"{VERIFY} --identity a@b.org --issuer x", "expected --key FILE, or --identity NAME with --issuer URL"),
        (f"{VERIFY} --model-key k.pub", "--model-key needs --model-signature FILE"),
    ],
)
def test_a_missing_file_or_a_wrong_option_ends_with_2(signed, line, says):
    ended = signed.shell(line)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert says in ended.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("name", "result"), [("fail", "FAILED"), ("open", "FAILED")])
def test_a_verdict_that_is_no_pass_is_signed_and_refused(place, name, result):
    signed = place.shell(SIGN.replace("pass.json", f"{name}.json"))
    verified = place.shell(VERIFY)

    assert (signed.returncode, verified.returncode) == (0, 1)
    assert signed.stdout.startswith(f"wrote v.sigstore.json: {result}, signed; ")
    assert "failed: spot" in verified.stdout


@pytest.mark.long
def test_a_summary_is_written_of_a_pass_and_removed_for_any_other_verdict(place):
    passed = place.shell(f"{SIGN} --summary s.sigstore.json")
    existed = (place.folder / "s.sigstore.json").is_file()
    failed = place.shell(f"{SIGN.replace('pass.json', 'fail.json')} --summary s.sigstore.json")

    assert (passed.returncode, existed, failed.returncode) == (0, True, 0)
    assert "wrote s.sigstore.json: MODICUM_GATE_PASS, signed" in passed.stdout
    assert not (place.folder / "s.sigstore.json").exists()
    assert "no summary, because the verdict is not a PASS of required rules; removed s.sigstore.json" in failed.stdout


def test_another_file_in_the_place_of_a_summary_is_not_removed(place):
    kept = place.shell(f"echo '{{}}' > other.json; {SIGN.replace('pass.json', 'fail.json')} --summary other.json")

    assert kept.returncode == 2
    assert "is no signed summary, so it is not removed; name another file" in kept.stderr
    assert place.shell("cat other.json").stdout.strip() == "{}"


def test_a_summary_is_not_verified_in_place_of_a_test_result(place):
    place.shell(f"{SIGN} --summary s.sigstore.json")

    assert place.shell(VERIFY.replace("v.sigstore.json", "s.sigstore.json")).returncode == 1


@pytest.mark.long
def test_json_says_the_same(signed):
    told = json.loads(signed.shell(f"{VERIFY} --json").stdout)

    assert told["verified"] is True
    assert {check["name"]: check["holds"] for check in told["checks"]} == dict.fromkeys(
        ("signature", "verdict", "weights", "policy", "age"), True
    )
    assert len(told["unchecked"]) == 5


@pytest.mark.long
def test_a_key_with_a_password_signs(place):
    private, public = key_pair()
    place.write("locked.pem", private_pem(private, b"secret"))
    place.write("locked.pub", public_pem(public))
    sign = SIGN.replace("k.pem", "locked.pem")

    without, wrong = place.shell(sign), place.shell(sign, MODICUM_KEY_PASSWORD="no")
    right = place.shell(f"{sign} && {VERIFY.replace('k.pub', 'locked.pub')}", MODICUM_KEY_PASSWORD="secret")

    assert (without.returncode, wrong.returncode, right.returncode) == (2, 2, 0)
    assert "locked.pem: the key is encrypted; set MODICUM_KEY_PASSWORD" in without.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "key", [key_pair(ec.SECP384R1())[0], ed25519.Ed25519PrivateKey.generate()], ids=["P-384", "Ed25519"]
)
def test_a_key_of_another_kind_does_not_sign(place, key):
    place.write("k.pem", private_pem(key))

    ended = place.shell(SIGN)

    assert ended.returncode == 2
    assert "k.pem: expected an ECDSA key on the curve P-256" in ended.stderr


def test_keys_that_openssl_makes_sign_and_verify(place):
    openssl = machine.program("openssl", package="openssl")

    made = place.shell(
        f"{openssl} ecparam -name prime256v1 -genkey -noout -out k.pem && {openssl} ec -in k.pem -pubout -out k.pub"
    )

    assert made.returncode == 0, made.stderr
    assert place.shell(f"{SIGN} && {VERIFY}").returncode == 0


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("line", "says"),
    [
        (SIGN.replace("--key k.pem", ""), "expected one of --key FILE and --keyless"),
        (f"{SIGN} --keyless", "expected one of --key FILE and --keyless"),
        (SIGN.replace("pass.json", "modicum.yaml"), "modicum.yaml: expected a verdict in JSON"),
        (SIGN.replace("v.sigstore.json", "v.pdf"), "expected a file ending in .json, got .pdf"),
        (SIGN.replace("k.pem", "k.pub"), "k.pub: expected a private key in PEM"),
        (SIGN.replace("pass.json", "absent.json"), "absent.json: cannot be read: No such file or directory"),
    ],
)
def test_what_cannot_be_signed_ends_with_2_and_writes_nothing(place, line, says):
    ended = place.shell(line)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert says in ended.stderr
    assert not (place.folder / "v.sigstore.json").exists()


def test_keyless_warns_that_it_publishes_and_needs_an_identity(place):
    hidden = {name: "" for name in os.environ if name.startswith(("ACTIONS_ID_TOKEN", "GITHUB_"))}

    ended = place.shell(SIGN.replace("--key k.pem", "--keyless"), **hidden)

    assert ended.returncode == 2
    assert "warning: --keyless publishes your identity" in ended.stderr
    assert "--keyless needs an identity" in ended.stderr


@pytest.mark.long
def test_a_bundle_that_a_key_signed_is_refused_where_an_identity_is_expected(signed):
    ended = signed.shell(VERIFY.replace("--key k.pub", "--identity a@b.org --issuer https://b.org"))

    assert ended.returncode == 1
    assert "NO  signature: expected a Sigstore bundle that was signed without a key" in ended.stdout


@pytest.mark.parametrize(
    ("hidden", "line", "extra"),
    [
        ("cryptography", SIGN, "attest"),
        ("rfc8785", VERIFY, "attest"),
        ("sigstore", SIGN.replace("--key k.pem", "--keyless"), "keyless"),
    ],
)
@pytest.mark.long
def test_without_the_extra_the_command_says_what_to_install(place, hidden, line, extra):
    place.write("sitecustomize.py", WITHOUT.format(hidden).encode())

    ended = place.shell(line, PYTHONPATH=str(place.folder))

    assert (ended.returncode, ended.stdout) == (2, "")
    assert f"attestations need the extra `{extra}`: run pip install 'modicum[{extra}]'" in ended.stderr


def test_a_model_signature_is_verified_where_its_key_is_given(place):
    for name in ("model.sig", "k.pub", "model/w.safetensors"):
        shutil.copy(SIGNED_MODEL / name, place.folder / f"signed.{Path(name).name}")
    verdict = json.loads(place.read("pass.json"))
    files = verdict["result"]["weights_digests"]
    digest = place.shell("sha256sum signed.w.safetensors").stdout.split()[0]
    verdict["result"]["weights_digests"] = dict.fromkeys(files, digest)
    place.write("pass.json", json.dumps(verdict).encode())
    place.shell(SIGN)
    verify = f"{VERIFY.replace('w.safetensors', 'signed.w.safetensors')} --model-signature signed.model.sig"

    with_key, without = place.shell(f"{verify} --model-key signed.k.pub"), place.shell(verify)
    wrong = place.shell(f"{verify} --model-key k.pub")

    assert (with_key.returncode, without.returncode, wrong.returncode) == (0, 0, 1)
    assert "ok  model signature: signed.model.sig lists signed.w.safetensors as w.safetensors" in with_key.stdout
    assert "not checked: who signed the model signature" in without.stdout
    assert "who signed the model signature" not in with_key.stdout
    assert "REFUSED: model signature" in wrong.stdout
