"""Statements about a verdict: in-toto Statement v1, in canonical JSON (RFC 8785). Has no key and no clock.

The test result is written of every verdict. The summary for deployment is written only of a PASS that required
something. Both say what the verdict says and add nothing to it.
"""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import PurePath
from typing import Any

import rfc8785

from modicum.attestation.checks import Unverified
from modicum.attestation.claim import STATEMENT_TYPE, TEST_RESULT, WEIGHTS, claim_of
from modicum.errors import InvalidSource
from modicum.gate.policy import Level
from modicum.gate.schemas import VERDICT, refuse_other_form
from modicum.gate.verdict import Outcome
from modicum.gate.verdict_contradictions import contradiction_in, judged_later
from modicum.gate.verdict_file import CONTRADICTS, verdict_in
from modicum.version import VERSION

Document = Mapping[str, Any]

SUMMARY = "https://in-toto.io/attestation/svr/v0.1"
GATE_PASS = "MODICUM_GATE_PASS"  # noqa: S105  # no password
VERIFIER = f"pkg:pypi/modicum@{VERSION}"
#: Keys of a verdict that a statement is made of.
NEEDED = ("outcome", "summary", "judged_on", "policy", "result", "rules", "expired_waivers", "left_out")
NEEDED_OF_RESULT = ("specification_digest", "findings_digest", "dataset", "model_digests")
NO_WEIGHTS = (
    "{}: its result has no digest of the weights. The weights of an endpoint are not known, so its verdicts cannot be "
    "signed: audit the file of weights itself. Results of older releases have none either: audit again with --no-reuse"
)


def attestable_verdict(data: bytes, source: str, *, today: date) -> Document:
    """Return the verdict in a file, if it may be signed today (UTC); `source` names it in messages.

    Raises:
        InvalidSource: it is not a whole verdict, is one of an older release, or is about weights without a digest; it
            contradicts itself, or is of a later day; or its statement has no canonical form, or could not be read
            again.
    """
    verdict = verdict_in(data, source)
    missing = [name for name in NEEDED if name not in verdict]
    if missing:
        raise InvalidSource(f"{source}: the verdict has no {', '.join(missing)}; judge the result again")
    refuse_other_form(verdict, VERDICT, source=source, called="verdict")
    if contradiction := contradiction_in(verdict):
        raise InvalidSource(CONTRADICTS.format(source=source, told=contradiction))
    if later := judged_later(verdict, today):
        raise InvalidSource(f"{source}: the verdict cannot be signed: {later}; judge the result again")
    if not verdict["result"].get("weights_digests"):
        raise InvalidSource(NO_WEIGHTS.format(source))
    missing = [name for name in NEEDED_OF_RESULT if name not in verdict["result"]]
    if missing:
        raise InvalidSource(f"{source}: the verdict's result has no {', '.join(missing)}; judge the result again")
    _refuse_unreadable(result_statement(verdict, data, PurePath(source).name), source)
    return verdict


def _refuse_unreadable(statement: Document, source: str) -> None:
    """Refuse a verdict whose statement could not be signed, or not be read by who verifies it."""
    try:
        claim_of(canonical(statement))
    except Unverified as error:
        raise InvalidSource(f"{source}: the verdict cannot be signed; {error}") from error
    except ValueError as error:
        told = "a text in the verdict, or the file's name, is not valid Unicode"
        raise InvalidSource(f"{source}: the verdict cannot be signed: {told}; write it again") from error


def canonical(statement: Document) -> bytes:
    """Return its bytes, the same for the same statement (RFC 8785)."""
    data: bytes = rfc8785.dumps(dict(statement))
    return data


def result_statement(verdict: Document, data: bytes, name: str) -> Document:
    """Return the test result of a verdict. `data` are the bytes of its file, `name` is the file's name."""
    configuration = [_policy(verdict), _verdict(verdict, data, name), *_evidence(verdict["result"])]
    return {
        "_type": STATEMENT_TYPE,
        "subject": _subjects(verdict["result"]),
        "predicateType": TEST_RESULT,
        "predicate": {"result": _result(verdict), "configuration": configuration, **_tests(verdict)},
    }


def summary_statement(verdict: Document) -> Document | None:
    """Return the summary for deployment; None of a verdict that is not PASS, or that required nothing."""
    if verdict["outcome"] != Outcome.PASS or not _required(verdict):
        return None
    return {
        "_type": STATEMENT_TYPE,
        "subject": _subjects(verdict["result"]),
        "predicateType": SUMMARY,
        "predicate": {
            "verifier": {"id": VERIFIER, "policies": [_policy(verdict)]},
            "timeCreated": f"{verdict['judged_on']}T00:00:00Z",
            "properties": [GATE_PASS],
        },
    }


def _subjects(result: Document) -> list[Document]:
    """The files of weights, and the versions that were audited."""
    files = {f"{name}{WEIGHTS}": digest for name, digest in result["weights_digests"].items()}
    named = sorted({**files, **result["model_digests"]}.items())
    return [{"name": name, "digest": {"sha256": digest}} for name, digest in named]


def _result(verdict: Document) -> str:
    """PASSED, WARNED or FAILED. A PASS by which nothing was required is no more than WARNED."""
    if verdict["outcome"] != Outcome.PASS:
        return "FAILED"
    return "WARNED" if _tests(verdict)["warnedTests"] or not _required(verdict) else "PASSED"


def _tests(verdict: Document) -> dict[str, list[str]]:
    """The names of the rules by what became of them; an expired waiver is a test that failed."""
    names: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for rule in verdict["rules"]:
        names[_list_of(rule)].append(rule["id"])
    names["failedTests"] += [f"expired waiver: {text}" for text in verdict["expired_waivers"]]
    return names


def _list_of(rule: Document) -> str:
    """A rule of level error that is not conclusive failed. One that is waived, and any of level warn, warns."""
    if rule["outcome"] == Outcome.PASS:
        return "passedTests"
    waived = rule["outcome"] == Outcome.WAIVED
    return "warnedTests" if waived or rule["level"] != Level.ERROR else "failedTests"


def _required(verdict: Document) -> list[str]:
    return [rule["id"] for rule in verdict["rules"] if rule["level"] == Level.ERROR]


def _policy(verdict: Document) -> Document:
    policy = verdict["policy"]
    return _descriptor(
        "policy", PurePath(policy["file"]).name, policy["digest"], first_expiry=policy.get("first_expiry")
    )


def _verdict(verdict: Document, data: bytes, name: str) -> Document:
    told = {
        **{key: verdict[key] for key in ("outcome", "summary", "judged_on")},
        "required": _required(verdict),
        "inconclusive": [rule["id"] for rule in verdict["rules"] if rule["outcome"] == Outcome.INCONCLUSIVE],
        "left_out": sorted(verdict["left_out"]),
    }
    return _descriptor("verdict", name, hashlib.sha256(data).hexdigest(), **told)


def _evidence(result: Document) -> Iterator[Document]:
    """The findings that were judged, and those of the baseline."""
    for role, one in (("findings", result), ("baseline findings", result.get("baseline"))):
        if one is not None:
            told = {key: one[key] for key in ("created", "dataset", "specification_digest")}
            yield _descriptor(role, one["audit"], one["findings_digest"], **told)


def _descriptor(role: str, name: str, digest: str, **told: Any) -> Document:
    """Describe a resource. Its annotations say what it is and what else is known of it."""
    annotations = {"role": role, **{key: value for key, value in told.items() if value is not None}}
    return {"name": name, "digest": {"sha256": digest}, "annotations": annotations}
