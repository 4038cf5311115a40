"""Refused attempts, which have no transaction: counted in memory by kind, and written into the trail once a minute.

Equal attempts of a minute are one entry. So many kinds are kept apart, whatever callers send; the others are counted
together. A process that is killed loses the attempts of its last minute.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from modicum.resource_names import NOT_PLAIN

from modicum_server.domain.projects import Principal
from modicum_server.domain.trail import SERVER, NewTrailEntry, TrailOutcome
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.rules import PROJECT_ID

MOST_KINDS = 100
WRITE_SECONDS = 60.0
LONGEST_RESOURCE = 300
VARIOUS = "VARIOUS"
"""The reason of the entry that counts the attempts of kinds beyond `MOST_KINDS`."""

Kind = tuple[str, str, str, str, str, str]


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that was refused. `resource` is what the caller wrote; `principal` is None where nobody is known."""

    principal: Principal | None
    verb: str
    resource: str
    reason: str
    project: str = ""
    request_id: str = ""
    client_address: str = ""


class RefusedAttempts:
    """Counts refused attempts until they are written."""

    def __init__(self, store: Store, *, most_kinds: int = MOST_KINDS) -> None:
        self._store = store
        self._most_kinds = most_kinds
        self._counted: dict[Kind, NewTrailEntry] = {}

    def note(self, attempt: Attempt) -> None:
        """Count an attempt."""
        entry = _entry(attempt)
        kind = _kind(entry)
        if kind not in self._counted and len(self._counted) >= self._most_kinds:
            entry = NewTrailEntry(SERVER, "", "", "", outcome=TrailOutcome.REFUSED, reason=VARIOUS)
            kind = _kind(entry)
        first = self._counted.get(kind)
        self._counted[kind] = entry if first is None else replace(first, attempts=first.attempts + 1)

    async def write(self) -> int:
        """Write what was counted; returns how many entries. Where it cannot be written, it stays counted.

        Raises:
            DependencyUnavailable
        """
        counted = dict(self._counted)
        if not counted:
            return 0
        async with self._store.transaction() as transaction:
            for entry in counted.values():
                await transaction.trail.write(await _placed(transaction, entry))
        for kind, entry in counted.items():
            self._forget(kind, entry.attempts)
        return len(counted)

    def _forget(self, kind: Kind, attempts: int) -> None:
        """Count the written attempts no longer; those that came meanwhile stay."""
        left = self._counted[kind].attempts - attempts
        if left:
            self._counted[kind] = replace(self._counted[kind], attempts=left)
        else:
            del self._counted[kind]


async def keep_writing(
    attempts: RefusedAttempts, on_failed: Callable[[Exception], None], *, pause_seconds: float = WRITE_SECONDS
) -> None:
    """Write for ever: runs until it is cancelled. What fails is told and tried again."""
    while True:
        await asyncio.sleep(pause_seconds)
        try:
            await attempts.write()
        except Exception as error:  # noqa: BLE001 - whatever it is, the next attempts have to be written
            on_failed(error)


def _entry(attempt: Attempt) -> NewTrailEntry:
    resource = attempt.resource[:LONGEST_RESOURCE]
    plain = "" if NOT_PLAIN.search(resource) else resource
    return NewTrailEntry(
        project=_project_in(plain) or attempt.project,
        principal=attempt.principal.name if attempt.principal else "",
        token_id=attempt.principal.token_id if attempt.principal else "",
        verb=attempt.verb,
        resource=plain,
        outcome=TrailOutcome.REFUSED,
        reason=attempt.reason,
        request_id=attempt.request_id,
        client_address=attempt.client_address,
    )


def _kind(entry: NewTrailEntry) -> Kind:
    return entry.project, entry.principal, entry.token_id, entry.verb, entry.reason, entry.client_address


def _project_in(resource: str) -> str:
    found = re.match(f"(projects/{PROJECT_ID})(?:/|$)", resource, re.ASCII)
    return found[1] if found else SERVER


async def _placed(transaction: Transaction, entry: NewTrailEntry) -> NewTrailEntry:
    """Return the entry in the trail of its project, or of the server where there is no such project."""
    if entry.project and await transaction.projects.get(entry.project) is None:
        return replace(entry, project=SERVER)
    return entry
