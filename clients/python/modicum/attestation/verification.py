"""From a signed statement to what a holder of the weights may conclude. Pure: no clock, no file, no network.

Every check says what it compared. What was not checked is listed beside them: a bundle says no more than its signer.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from modicum.attestation.checks import Check, Unverified, Verification
from modicum.attestation.claim import EVIDENCE, Claim, claim_of
from modicum.attestation.model_signature import ModelSignature, model_signature_check
from modicum.attestation.sealing import Signer

PASS = "PASS"  # noqa: S105  # no password
#: What a test result says of a verdict that passed.
PASSING = frozenset({"PASSED", "WARNED"})
SIGNER_SAYS = "whether the audit ran on that day and found what the statement says: only its signer says so"
VERSIONS = "whether the weights run with the audited architecture, input and labels: the version's digest covers these"


@dataclass(frozen=True, slots=True)
class StoredResult:
    """What a server has of an audit now: the digest of its findings, empty without, and how many pictures were erased.

    `why` says why there are no findings.
    """

    findings_digest: str
    erased: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the statement is compared with; None is not compared.

    Attributes:
        weights: SHA-256 of each file, by its name.
        policy: the name and the SHA-256 of the policy's file.
        most_days: how many days ago, at most, the verdict was reached.
        model_signature: what `model-signing` says of the weights.
        stored: tells what a server has now of an audit, by its name.
    """

    weights: Mapping[str, str]
    policy: tuple[str, str] | None = None
    most_days: int | None = None
    model_signature: ModelSignature | None = None
    stored: Callable[[str], StoredResult] | None = None


def verification_of(data: bytes, signer: Signer, expected: Expected, *, today: date) -> Verification:
    """Return what holds of a bundle. Nothing in it is read before its signature holds."""
    try:
        payload, signed_by = signer(data)
    except Unverified as error:
        return Verification((Check("signature", holds=False, text=str(error)),), ("everything else",))
    signature = Check("signature", holds=True, text=signed_by)
    try:
        claim = claim_of(payload)
    except Unverified as error:
        return Verification((signature, Check("statement", holds=False, text=str(error))), ("everything else",))
    return Verification((signature, *_checks(claim, expected, today)), tuple(_unchecked(claim, expected)))


def _checks(claim: Claim, expected: Expected, today: date) -> Iterator[Check]:
    yield _verdict(claim)
    yield from _weights(claim, expected.weights)
    if expected.policy is not None:
        yield _policy(claim, *expected.policy)
    if claim.first_expiry is not None:
        yield _waivers(claim.first_expiry, today)
    if expected.most_days is not None:
        yield _age(claim.judged_on, today, expected.most_days)
    if expected.stored is not None:
        yield from _stored(claim, expected.stored)
    if expected.model_signature is not None:
        yield from model_signature_check(expected.model_signature, expected.weights)


def _verdict(claim: Claim) -> Check:
    """The verdict passed, and its policy required something."""
    if claim.outcome != PASS or claim.result not in PASSING or claim.failed:
        failed = ", ".join(claim.failed) or "nothing by name"
        return Check("verdict", holds=False, text=f"{claim.outcome}; failed: {failed}")
    if not claim.required:
        return Check(
            "verdict", holds=False, text="PASS, but the policy required nothing: it has no rule of level error"
        )
    words = (
        ("PASS; required", claim.required),
        ("warned or waived", claim.warned),
        ("left out, because the result has nothing for it", claim.left_out),
    )
    return Check("verdict", holds=True, text="; ".join(f"{what}: {', '.join(names)}" for what, names in words if names))


def _weights(claim: Claim, files: Mapping[str, str]) -> Iterator[Check]:
    """Each file is one that the verdict is about, and none of these is missing."""
    versions = {digest: name for name, digest in claim.weights.items()}
    for file, digest in files.items():
        if digest in versions:
            yield Check("weights", holds=True, text=f"{file} is the file of {versions[digest]}, SHA-256 {digest}")
        else:
            about = ", ".join(claim.weights.values())
            yield Check("weights", holds=False, text=f"{file} has the SHA-256 {digest}; the verdict is about {about}")
    for name, digest in claim.weights.items():
        if digest not in files.values():
            yield Check(
                "weights", holds=False, text=f"none of the given files has the weights of {name}, SHA-256 {digest}"
            )


def _policy(claim: Claim, file: str, digest: str) -> Check:
    signed = claim.policy_digest
    if signed != digest:
        return Check("policy", holds=False, text=f"{file} has the SHA-256 {digest}; the verdict is by {signed}")
    return Check("policy", holds=True, text=f"{file} is the policy of the verdict, SHA-256 {digest}")


def _waivers(first_expiry: date, today: date) -> Check:
    """A waiver that has expired since is a violation, as it is for the gate."""
    if today > first_expiry:
        return Check("waivers", holds=False, text=f"a waiver of the policy expired on {first_expiry}")
    return Check("waivers", holds=True, text=f"all waivers of the policy hold until {first_expiry}")


def _age(judged_on: date, today: date, most_days: int) -> Check:
    days = (today - judged_on).days
    if days < 0:
        return Check(
            "age", holds=False, text=f"judged on {judged_on}, which is in the future. Check the clock of this machine"
        )
    told = f"judged on {judged_on}, {days} days ago; expected at most {most_days}"
    return Check("age", holds=days <= most_days, text=told)


def _stored(claim: Claim, look_up: Callable[[str], StoredResult]) -> Iterator[Check]:
    """The server still has the findings that were judged, and those of the baseline."""
    for role in EVIDENCE:
        signed = claim.evidence.get(role)
        if signed is not None:
            found = look_up(signed.name)
            holds = found.findings_digest == signed.digest
            yield Check(role, holds=holds, text=_stored_words(signed.name, signed.digest, found))


def _stored_words(audit: str, signed: str, found: StoredResult) -> str:
    if found.findings_digest == signed:
        return f"{audit} still has the findings that were judged, SHA-256 {signed}"
    if not found.findings_digest:
        return f"{audit} has no findings any more: {found.why}; audit and gate again"
    now = f"the findings that were judged have the SHA-256 {signed}, those of {audit} now have {found.findings_digest}"
    if not found.erased:
        return f"{now}; this is another audit of that name"
    pictures = "1 picture was" if found.erased == 1 else f"{found.erased:,} pictures were"
    return f"{pictures} erased from {audit} since: {now}; gate again"


def _unchecked(claim: Claim, expected: Expected) -> Iterator[str]:
    yield SIGNER_SAYS
    yield f"{VERSIONS} ({', '.join(f'{name} is {digest}' for name, digest in claim.versions.items())})"
    if expected.stored is None:
        yield "whether pictures were erased from the result since: no --stored was given"
    if expected.policy is None:
        yield "by which policy: no --policy was given"
    if expected.most_days is None:
        yield f"the age of the verdict: no --max-age was given; it was judged on {claim.judged_on}"
    yield f"the age of the audit: it was created at {claim.created}"
    if expected.model_signature is None:
        yield "where the weights come from: no --model-signature was given"
    elif expected.model_signature.key is None:
        yield "who signed the model signature: no --model-key was given, so anybody may have written it"
