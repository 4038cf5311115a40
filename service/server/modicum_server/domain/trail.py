"""The trail (audit log): who did what. An entry is written once and never changed; a seal chains it to those before."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum

#: The principal of what an operator does in the shell of the server. No other principal's name has a colon.
OPERATOR = "system:operator"
#: The project of entries that belong to no project, such as a token that is valid in several.
SERVER = ""
#: What the first entry of a chain is chained to.
BEGINNING = "0" * 64


class Verb(StrEnum):
    """What changes something. Where the API has a method for it, this is the method's name."""

    CREATE_PROJECT = "CreateProject"
    DELETE_PROJECT = "DeleteProject"
    CREATE_MEMBER = "CreateMember"
    SET_MEMBER_ROLE = "SetMemberRole"
    DELETE_MEMBER = "DeleteMember"
    CREATE_TOKEN = "CreateToken"  # noqa: S105 - names of methods
    ROTATE_TOKEN = "RotateToken"  # noqa: S105
    DELETE_TOKEN = "DeleteToken"  # noqa: S105
    SIGN_IN = "SignIn"
    SIGN_OUT = "SignOut"
    CREATE_TRUST_RULE = "CreateTrustRule"
    DELETE_TRUST_RULE = "DeleteTrustRule"
    EXCHANGE_TOKEN = "ExchangeToken"  # noqa: S105
    CREATE_MODEL = "CreateModel"
    DELETE_MODEL = "DeleteModel"
    CREATE_MODEL_VERSION = "CreateModelVersion"
    DELETE_MODEL_VERSION = "DeleteModelVersion"
    CREATE_DATASET = "CreateDataset"
    DELETE_DATASET = "DeleteDataset"
    UPLOAD_ARTIFACT = "UploadArtifact"
    DELETE_ARTIFACT = "DeleteArtifact"
    CREATE_AUDIT = "CreateAudit"
    STOP_AUDIT = "StopAudit"
    CANCEL_AUDIT = "CancelAudit"
    DELETE_AUDIT = "DeleteAudit"
    JUDGE_AUDIT = "JudgeAudit"
    DELETE_VERDICT = "DeleteVerdict"
    CREATE_REVIEW = "CreateReview"
    DELETE_REVIEW = "DeleteReview"
    INVITE_REVIEWER = "InviteReviewer"
    SWAP_SPOT = "SwapSpot"
    CANCEL_SWAP = "CancelSwap"
    DELETE_SWAP = "DeleteSwap"
    ERASE_IMAGE = "EraseImage"
    BACK_UP = "BackUp"
    RESTORE = "Restore"
    COLLECT = "Collect"
    CREATE_HOLD = "CreateHold"
    DELETE_HOLD = "DeleteHold"
    SET_RETENTION = "SetRetention"
    APPLY_RETENTION = "ApplyRetention"


class TrailOutcome(StrEnum):
    """Whether it was done. REFUSED: the caller was not allowed to."""

    DONE = "DONE"
    REFUSED = "REFUSED"


@dataclass(frozen=True, slots=True)
class NewTrailEntry:
    """An entry to write.

    `project` is empty for what belongs to no project. `verb` is a `Verb`, or of a refused attempt the method that was
    called. `reason` is the error reason of a refused attempt; `detail` what the resource does not say, such as the role
    that a member got. `attempts` is above 1 where equal refused attempts became one entry: resource, request id and
    address are those of the first.
    """

    project: str
    principal: str
    verb: str
    resource: str
    token_id: str = ""
    outcome: TrailOutcome = TrailOutcome.DONE
    reason: str = ""
    detail: str = ""
    attempts: int = 1
    request_id: str = ""
    client_address: str = ""


@dataclass(frozen=True, slots=True)
class TrailEntry:
    """A stored entry. `sequence`: its place in the chain of its project, from 1; 0 and no hash until it is sealed."""

    id: int
    time: datetime
    project: str
    principal: str
    token_id: str
    verb: str
    resource: str
    outcome: TrailOutcome
    reason: str
    detail: str
    attempts: int
    request_id: str
    client_address: str
    sequence: int = 0
    hash: str = ""


@dataclass(frozen=True, slots=True)
class Seal:
    """The place of an entry in the chain of its project. The hash covers the entry and the hash before."""

    project: str
    sequence: int
    entry_id: int
    hash: str


def chain_hash(previous: str, sequence: int, entry: TrailEntry) -> str:
    """Return the hash of an entry at a place of its chain: SHA-256 of the canonical JSON of all that it says.

    The JSON has sorted keys, no spaces and UTF-8. It holds each field of the entry but the hash, with `sequence` and
    `previous`, the hash of the entry before.
    """
    said = {**hashed_fields(entry), "sequence": sequence, "previous": previous}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def hashed_fields(entry: TrailEntry) -> Mapping[str, str | int]:
    """Return what an entry says, as JSON has it: times in UTC, to the microsecond."""
    said = {field.name: getattr(entry, field.name) for field in fields(entry)}
    del said["sequence"], said["hash"]
    said["time"] = entry.time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return said
