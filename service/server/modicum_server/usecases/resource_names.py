"""Resource names (AIP-122): how they are formed, checked and taken apart."""

import re
import secrets
import time
from collections.abc import Mapping

from modicum_server.errors import FieldInvalid
from modicum_server.usecases.rules import PRINCIPAL, PROJECT_ID, RESOURCE_ID, shown

DEFAULT_PROJECT = "projects/default"

_PROJECT = f"projects/{PROJECT_ID}"
PATTERNS: Mapping[str, str] = {
    "project": _PROJECT,
    "model": f"{_PROJECT}/models/{RESOURCE_ID}",
    "model version": f"{_PROJECT}/models/{RESOURCE_ID}/versions/[0-9]{{1,9}}",
    "dataset": f"{_PROJECT}/datasets/{RESOURCE_ID}",
    "artifact": f"{_PROJECT}/artifacts/[0-9a-f]{{64}}",
    "audit": f"{_PROJECT}/audits/{RESOURCE_ID}",
    "verdict": f"{_PROJECT}/verdicts/{RESOURCE_ID}",
    "review": f"{_PROJECT}/audits/{RESOURCE_ID}/reviews/{RESOURCE_ID}",
    "swap": f"{_PROJECT}/swaps/{RESOURCE_ID}",
    "erasure": f"{_PROJECT}/erasures/{RESOURCE_ID}",
    "hold": f"{_PROJECT}/holds/{RESOURCE_ID}",
    "member": f"{_PROJECT}/members/{PRINCIPAL}",
    "token": f"{_PROJECT}/tokens/[0-9a-f]{{16}}",
    "trust rule": f"{_PROJECT}/trustRules/{RESOURCE_ID}",
    "finding": f"{_PROJECT}/audits/{RESOURCE_ID}/findings/[0-9]{{1,9}}-[0-9]{{1,9}}-[0-9]{{1,9}}",
}
FORMS: Mapping[str, str] = {
    "project": "projects/PROJECT",
    "model": "projects/PROJECT/models/MODEL",
    "model version": "projects/PROJECT/models/MODEL/versions/NUMBER",
    "dataset": "projects/PROJECT/datasets/DATASET",
    "artifact": "projects/PROJECT/artifacts/DIGEST",
    "audit": "projects/PROJECT/audits/AUDIT",
    "verdict": "projects/PROJECT/verdicts/VERDICT",
    "review": "projects/PROJECT/audits/AUDIT/reviews/REVIEW",
    "swap": "projects/PROJECT/swaps/SWAP",
    "erasure": "projects/PROJECT/erasures/ERASURE",
    "hold": "projects/PROJECT/holds/HOLD",
    "member": "projects/PROJECT/members/PRINCIPAL",
    "token": "projects/PROJECT/tokens/ID",
    "trust rule": "projects/PROJECT/trustRules/RULE",
    "finding": "projects/PROJECT/audits/AUDIT/findings/VERSION-SEARCH-POSITION",
}


def project_of(kind: str, name: str, field: str = "name") -> str:
    """Return the name of the project in the name of a resource of this kind.

    Raises:
        FieldInvalid: it is not a name of this kind.
    """
    if re.fullmatch(PATTERNS[kind], name, re.ASCII) is None:
        raise FieldInvalid(field, f"expected the name of {article(kind)} {kind}, {FORMS[kind]}, got {shown(name)}")
    return "/".join(name.split("/")[:2])


def parent_of(name: str) -> str:
    """Return the name without its last collection and id, e.g. the audit of a finding."""
    return name.rsplit("/", 2)[0]


def new_resource_id() -> str:
    """Return an id that sorts by time: milliseconds since 1970 and 40 random bits, in hexadecimal digits."""
    return f"{time.time_ns() // 1_000_000:012x}-{secrets.token_hex(5)}"


def article(noun: str) -> str:
    """Return "a" or "an"."""
    return "an" if noun[:1] in "aeiou" else "a"
