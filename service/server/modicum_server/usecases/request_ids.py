"""Requests with an id (AIP-155). Repeating one returns the same result; a different request with that id is refused."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, is_dataclass
from typing import Any

from modicum_server.errors import RequestIdReused
from modicum_server.ports import RememberedRequest, Transaction
from modicum_server.usecases.rules import check


@dataclass(frozen=True, slots=True)
class CreateOptions:
    """Options of every create method."""

    request_id: str = ""
    validate_only: bool = False


@dataclass(frozen=True, slots=True)
class IdentifiedRequest:
    """A request with its id in a project. Without an id, or with `validate_only`, nothing is remembered."""

    project: str
    method: str
    request_id: str
    body_digest: str

    async def recall(self, transaction: Transaction) -> str | None:
        """Return the name that this request created before, and lock the id until the transaction ends.

        Raises:
            RequestIdReused
        """
        if not self.request_id:
            return None
        remembered = await transaction.requests.find(self.project, self.request_id)
        if remembered is None:
            return None
        if (remembered.method, remembered.body_digest) != (self.method, self.body_digest):
            raise RequestIdReused(
                f"`request_id` {self.request_id} was used for a different {remembered.method}; use a new one"
            )
        return remembered.created

    async def remember(self, transaction: Transaction, created: str) -> None:
        """Store the name that this request created."""
        if self.request_id:
            request = RememberedRequest(method=self.method, body_digest=self.body_digest, created=created)
            await transaction.requests.remember(self.project, self.request_id, request)


def identify(project: str, method: str, options: CreateOptions, body: Mapping[str, Any]) -> IdentifiedRequest:
    """Return the request of a create method; `body` is all that it asks for.

    Raises:
        FieldInvalid: the id is not a UUID.
    """
    check("request_id", options.request_id)
    request_id = "" if options.validate_only else options.request_id.lower()
    return IdentifiedRequest(project, method, request_id, canonical_digest(body))


def canonical_digest(value: Any) -> str:
    """Return the SHA-256 of a value's canonical JSON: keys sorted, no spaces, dataclasses as objects."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain)
    return hashlib.sha256(text.encode()).hexdigest()


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")
