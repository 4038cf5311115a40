"""What somebody who holds the weights is told: what was compared, what holds, and what was not checked."""

import json
import subprocess
import sys
from datetime import date, timedelta

import pytest
from modicum.attestation.model_signature import ModelSignature
from modicum.attestation.sealing import seal_with, signer_with
from modicum.attestation.statement import canonical, result_statement, summary_statement
from modicum.attestation.verification import Expected, StoredResult, verification_of

from tests.attestation.attestation_stage import OPEN, PLANTED, TODAY, WAIVED, WEIGHTS_DIGEST, key_pair, told
from tests.gate.documents import DIGEST, VERSION

PRIVATE, PUBLIC = key_pair()
OTHER = "projects/default/models/o/versions/1"
FILES = {VERSION: WEIGHTS_DIGEST, OTHER: "22" * 32}


def verified(verdict, *, today=TODAY, files=None, **expected):
    """What is found of the test result of a verdict."""
    return opened(canonical(result_statement(verdict, b"", "v.json")), today=today, files=files, **expected)


def opened(payload, *, today=TODAY, files=None, **expected):
    """What is found of a signed payload."""
    weights = files or {"w.safetensors": WEIGHTS_DIGEST}
    return verification_of(
        seal_with(PRIVATE)(payload), signer_with(PUBLIC), Expected(weights=weights, **expected), today=today
    )


def failed(verification):
    return [check.name for check in verification.checks if not check.holds]


def text(verification, name):
    return next(check.text for check in verification.checks if check.name == name)


def test_all_that_was_asked_is_checked_and_listed():
    verdict = told(WAIVED, PLANTED)

    found = verified(verdict, policy=("m.yaml", verdict["policy"]["digest"]), most_days=30, today=date(2026, 12, 27))

    assert [check.name for check in found.checks] == ["signature", "verdict", "weights", "policy", "waivers", "age"]
    assert found.verified
    assert text(found, "verdict").startswith("PASS; required: spot; warned or waived: spot; left out, because")
    assert text(found, "age") == "judged on 2026-11-27, 30 days ago; expected at most 30"


def test_what_was_not_asked_is_said_to_be_unchecked():
    found = verified(told())

    assert found.verified
    assert [line[:38] for line in found.unchecked] == [
        "whether the audit ran on that day and ",
        "whether the weights run with the audit",
        "whether pictures were erased from the ",
        "by which policy: no --policy was given",
        "the age of the verdict: no --max-age w",
        "the age of the audit: it was created a",
        "where the weights come from: no --mode",
    ]
    assert f"({VERSION} is {DIGEST})" in found.unchecked[1]


@pytest.mark.parametrize(
    ("stored", "says"),
    [
        (
            StoredResult("0" * 64, erased=1),
            "1 picture was erased from {audit} since: the findings",
        ),
        (StoredResult("0" * 64, erased=2), "2 pictures were erased from {audit} since: the findings"),
        (StoredResult("0" * 64), "this is another audit of that name"),
        (
            StoredResult("", 1, "it is FAILED IMAGE_ERASED"),
            "{audit} has no findings any more: it is FAILED IMAGE",
        ),
    ],
    ids=["one erased", "two erased", "another audit", "no result any more"],
)
def test_findings_that_the_server_no_longer_has_are_refused_with_the_reason(stored, says):
    verdict = told()

    found = verified(verdict, stored=lambda _: stored)

    assert failed(found) == ["findings"]
    assert says.format(audit=verdict["result"]["audit"]) in text(found, "findings")


def test_findings_that_the_server_still_has_are_verified():
    verdict = told()
    asked = []

    def stored(audit):
        asked.append(audit)
        return StoredResult(verdict["result"]["findings_digest"])

    found = verified(verdict, stored=stored)

    assert found.verified
    assert asked == [verdict["result"]["audit"]]
    assert text(found, "findings").startswith(f"{asked[0]} still has the findings that were judged, SHA-256 ")
    assert not [line for line in found.unchecked if "erased" in line]


def test_without_a_key_of_the_model_signature_its_signer_is_unchecked():
    found = verified(told(), model_signature=ModelSignature(b"", "model.sig", None))

    assert found.unchecked[-1].startswith("who signed the model signature: no --model-key was given")


def test_attestations_with_a_key_import_neither_the_network_nor_protobuf_nor_torch():
    program = (
        "import sys, pkgutil, importlib, modicum.attestation as package\n"
        "names = [one.name for one in pkgutil.walk_packages(package.__path__, 'modicum.attestation.')]\n"
        "for name in names: name.endswith('.keyless') or importlib.import_module(name)\n"
        "print(sorted(set(sys.modules) & {'grpc', 'google', 'requests', 'sigstore', 'torch', 'modicum_server'}))"
    )

    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert seen.stdout == "[]\n"


@pytest.mark.parametrize(
    ("policy", "spots", "says"),
    [
        ("", PLANTED, "FAIL; failed: spot"),
        ("", OPEN, "INCONCLUSIVE; failed: spot"),
        ("inconclusive: allow\n", OPEN, "INCONCLUSIVE; failed: spot"),
        ("preset: report-only\n", PLANTED, "PASS, but the policy required nothing: it has no rule of level error"),
    ],
    ids=["fail", "inconclusive", "inconclusive and allowed", "nothing required"],
)
def test_no_other_verdict_than_a_pass_that_required_something_is_verified(policy, spots, says):
    found = verified(told(policy, spots))

    assert (failed(found), text(found, "verdict")) == (["verdict"], says)


@pytest.mark.parametrize(
    ("files", "fails"),
    [
        ({"a": WEIGHTS_DIGEST, "b": "22" * 32}, []),
        ({"a": WEIGHTS_DIGEST}, ["weights"]),
        ({"a": WEIGHTS_DIGEST, "b": "33" * 32}, ["weights", "weights"]),
        ({"a": WEIGHTS_DIGEST, "b": "22" * 32, "c": "ab" * 32}, ["weights"]),
    ],
    ids=["all", "one is missing", "one differs", "the digest of the version is no file"],
)
def test_the_files_are_exactly_those_of_the_verdict(files, fails):
    assert failed(verified(told(files=FILES), files=files)) == fails


@pytest.mark.parametrize(("days", "fails"), [(-1, ["age"]), (0, []), (30, []), (31, ["age"])])
def test_the_age_counts_from_the_day_of_the_verdict(days, fails):
    assert failed(verified(told(), most_days=30, today=TODAY + timedelta(days=days))) == fails


def test_a_waiver_that_expired_since_is_a_violation_without_the_policy():
    last, after = (verified(told(WAIVED, PLANTED), today=day) for day in (date(2027, 1, 31), date(2027, 2, 1)))

    assert (failed(last), failed(after)) == ([], ["waivers"])


def test_another_policy_is_refused():
    found = verified(told(), policy=("m.yaml", "99" * 32))

    assert failed(found) == ["policy"]


def test_nothing_of_a_bundle_is_said_when_its_signature_does_not_hold():
    sealed = seal_with(key_pair()[0])(canonical(result_statement(told(), b"", "v.json")))

    found = verification_of(sealed, signer_with(PUBLIC), Expected(weights={"w": WEIGHTS_DIGEST}), today=TODAY)

    assert ([check.name for check in found.checks], failed(found)) == (["signature"], ["signature"])
    assert found.unchecked == ("everything else",)


def test_a_summary_is_no_test_result():
    found = opened(canonical(summary_statement(told())))

    assert failed(found) == ["statement"]
    assert "got https://in-toto.io/attestation/svr/v0.1" in text(found, "statement")


@pytest.mark.parametrize("key", ["subject", "predicate", "_type"])
def test_a_statement_that_lacks_a_part_is_refused(key):
    statement = {name: value for name, value in result_statement(told(), b"", "v").items() if name != key}

    assert failed(opened(json.dumps(statement).encode())) == ["statement"]


@pytest.mark.parametrize("role", ["policy", "verdict", "findings"])
def test_a_statement_whose_configuration_lacks_a_part_is_refused(role):
    statement = json.loads(canonical(result_statement(told(), b"", "v")))
    resources = statement["predicate"]["configuration"]
    statement["predicate"]["configuration"] = [one for one in resources if one["annotations"]["role"] != role]

    assert failed(opened(json.dumps(statement).encode())) == ["statement"]
