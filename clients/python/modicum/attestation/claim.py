"""What a signed test result says, read by type. A part that is missing or of another type is refused."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from modicum.attestation.checks import Unverified

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
#: The name of a subject that is the file of a version's weights: the version's name, and this.
WEIGHTS = "/weights"
#: The roles of resources that are findings.
EVIDENCE = ("findings", "baseline findings")
#: Characters of a type, an address, that a message shows.
MOST_TYPE = 200
#: Characters of a value that a message shows.
MOST_SHOWN = 60
EXPECTED = "expected the statement that `modicum attest` writes, but"


@dataclass(frozen=True, slots=True)
class Resource:
    """What a verdict was made of: its name, its SHA-256, and what else the statement says of it."""

    name: str
    digest: str
    told: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a test result says.

    Attributes:
        subjects: SHA-256 of versions and files of weights, by name.
        evidence: the findings that were judged, and those of the baseline, by role.
    """

    subjects: Mapping[str, str]
    result: str
    outcome: str
    failed: Sequence[str]
    warned: Sequence[str]
    required: Sequence[str]
    left_out: Sequence[str]
    policy_digest: str
    judged_on: date
    first_expiry: date | None
    created: str
    evidence: Mapping[str, Resource]

    @property
    def weights(self) -> Mapping[str, str]:
        """SHA-256 of the weights, by the name of the version that holds them."""
        files = self.subjects.items()
        return {name.removesuffix(WEIGHTS): digest for name, digest in files if name.endswith(WEIGHTS)}

    @property
    def versions(self) -> Mapping[str, str]:
        """The digests of the versions, by name."""
        return {name: digest for name, digest in self.subjects.items() if not name.endswith(WEIGHTS)}


def claim_of(payload: bytes) -> Claim:
    """Read a statement.

    Raises:
        Unverified: it is not a statement, or not of a test result, or a part is missing or of another type.
    """
    statement = _mapping(_document(payload), "it")
    kind = _text(statement, "_type"), _text(statement, "predicateType")
    if kind != (STATEMENT_TYPE, TEST_RESULT):
        raise Unverified(f"expected a statement of the type {TEST_RESULT}, got {kind[1][:MOST_TYPE]}")
    predicate = _mapping(statement.get("predicate"), "predicate")
    resources = _resources(predicate)
    policy, verdict, findings = (_role(resources, name) for name in ("policy", "verdict", "findings"))
    _names(predicate, "passedTests")
    return Claim(
        subjects=_subjects(statement),
        result=_text(predicate, "result"),
        outcome=_text(verdict.told, "outcome"),
        failed=_names(predicate, "failedTests"),
        warned=_names(predicate, "warnedTests"),
        required=_names(verdict.told, "required"),
        left_out=_names(verdict.told, "left_out"),
        policy_digest=policy.digest,
        judged_on=_day(verdict.told, "judged_on"),
        first_expiry=_day(policy.told, "first_expiry") if "first_expiry" in policy.told else None,
        created=_text(findings.told, "created"),
        evidence={name: one for name, one in resources.items() if name in EVIDENCE},
    )


def _document(payload: bytes) -> Any:
    try:
        return json.loads(payload, object_pairs_hook=_without_repeats, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise Unverified(f"{EXPECTED} it is not valid JSON") from error


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise Unverified(f"{EXPECTED} the key {_shown(twice)} comes twice")
    return found


def _refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not valid JSON")


def _subjects(statement: Mapping[str, Any]) -> Mapping[str, str]:
    entries = [_mapping(one, "an entry of subject") for one in _list(statement, "subject")]
    named = [(_text(one, "name"), _sha256(one)) for one in entries]
    if len(dict(named)) < len(named):
        raise Unverified(f"{EXPECTED} a name in subject comes twice")
    return dict(named)


def _resources(predicate: Mapping[str, Any]) -> Mapping[str, Resource]:
    """What the verdict was made of, by its role."""
    found: dict[str, Resource] = {}
    for one in _list(predicate, "configuration"):
        entry = _mapping(one, "an entry of configuration")
        told = _mapping(entry.get("annotations"), "annotations")
        role = _text(told, "role")
        if role in found:
            raise Unverified(f"{EXPECTED} the role {_shown(role)} comes twice")
        found[role] = Resource(_text(entry, "name"), _sha256(entry), told)
    return found


def _role(resources: Mapping[str, Resource], name: str) -> Resource:
    if name not in resources:
        raise Unverified(f"{EXPECTED} its configuration has no {name}")
    return resources[name]


def _sha256(entry: Mapping[str, Any]) -> str:
    return _text(_mapping(entry.get("digest"), "digest"), "sha256")


def _mapping(value: Any, called: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Unverified(f"{EXPECTED} {called} is not a mapping")
    return value


def _list(part: Mapping[str, Any], key: str) -> Sequence[Any]:
    value = part.get(key)
    if not isinstance(value, list):
        raise Unverified(f"{EXPECTED} {key} is not a list")
    return value


def _names(part: Mapping[str, Any], key: str) -> Sequence[str]:
    names = _list(part, key)
    if not all(isinstance(one, str) for one in names):
        raise Unverified(f"{EXPECTED} {key} is not a list of names")
    return names


def _text(part: Mapping[str, Any], key: str) -> str:
    value = part.get(key)
    if not isinstance(value, str):
        raise Unverified(f"{EXPECTED} {key} is not text")
    return value


def _day(part: Mapping[str, Any], key: str) -> date:
    text = _text(part, key)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise Unverified(f"{EXPECTED} {key} is not a day: {_shown(text)}") from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…")
