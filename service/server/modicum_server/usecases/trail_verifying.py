"""Checks the chains of the trail: which entries were changed, deleted or inserted. It changes nothing."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from modicum_server.domain.trail import BEGINNING, Seal, chain_hash
from modicum_server.ports import Link, Store

PAGE = 1000
#: Entries that are younger may still wait for their seal.
SEALED_WITHIN = timedelta(minutes=10)


class FlawKind(StrEnum):
    """What is wrong at a place of a chain.

    CHANGED: the entry, or the hash before it, is not what was sealed. DELETED: the entry or its seal is gone.
    INSERTED: an entry that was not written as entries are. UNSEALED: an entry waits longer than ten minutes.
    REPLACED: the chain does not have the hash that an exported head has, or ends before it.
    """

    CHANGED = "CHANGED"
    DELETED = "DELETED"
    INSERTED = "INSERTED"
    UNSEALED = "UNSEALED"
    REPLACED = "REPLACED"


@dataclass(frozen=True, slots=True)
class Flaw:
    """A flaw of a chain: at a sequence (0: none was given) and an id (0: it is not known)."""

    kind: FlawKind
    project: str
    sequence: int
    entry_id: int


@dataclass(slots=True)
class Checked:
    """How much was checked."""

    entries: int = 0
    chains: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """The place of a chain behind which to go on. The hash is None where it is gone."""

    sequence: int = 0
    hash: str | None = BEGINNING


async def verify_trail(
    store: Store, checked: Checked, *, known_heads: Sequence[Seal] = (), page: int = PAGE, now: datetime | None = None
) -> AsyncGenerator[Flaw]:
    """Yield what is wrong with the chains, and count in `checked`. `known_heads` were exported before.

    Raises:
        DependencyUnavailable
    """
    async with store.transaction() as transaction:
        heads = await transaction.trail.heads()
    of_chain = _by_project(known_heads)
    for project in sorted({head.project for head in heads} | of_chain.keys()):
        checked.chains += 1
        async with aclosing(_of_chain(store, project, checked, of_chain.get(project, {}), page)) as flaws:
            async for flaw in flaws:
                yield flaw
    before = (now or datetime.now(UTC)) - SEALED_WITHIN
    async with aclosing(_outside(store, before, page)) as flaws:
        async for flaw in flaws:
            yield flaw


async def _of_chain(
    store: Store, project: str, checked: Checked, known: Mapping[int, str], page: int
) -> AsyncGenerator[Flaw]:
    """Check one chain, place by place. `known`: hashes by sequence."""
    place = _Place()
    while True:
        async with store.transaction() as transaction:
            links = await transaction.trail.links(project, after=place.sequence, limit=page)
        for link in links:
            checked.entries += 1
            for flaw in _flaws(link, place, known):
                yield flaw
            place = _Place(link.seal.sequence, link.seal.hash)
        if len(links) < page:
            break
    for sequence in known:
        if sequence > place.sequence:
            yield Flaw(FlawKind.REPLACED, project, sequence, 0)


def _flaws(link: Link, place: _Place, known: Mapping[int, str]) -> list[Flaw]:
    """Return what is wrong with a place of a chain that follows another one."""
    seal, entry = link.seal, link.entry
    missing = range(place.sequence + 1, seal.sequence)
    kinds = [Flaw(FlawKind.DELETED, seal.project, sequence, 0) for sequence in missing]
    previous = None if missing else place.hash
    if entry is None:
        kinds.append(Flaw(FlawKind.DELETED, seal.project, seal.sequence, seal.entry_id))
    elif entry.project != seal.project or (
        previous is not None and chain_hash(previous, seal.sequence, entry) != seal.hash
    ):
        kinds.append(Flaw(FlawKind.CHANGED, seal.project, seal.sequence, seal.entry_id))
    if known.get(seal.sequence, seal.hash) != seal.hash:
        kinds.append(Flaw(FlawKind.REPLACED, seal.project, seal.sequence, seal.entry_id))
    return kinds


async def _outside(store: Store, before: datetime, page: int) -> AsyncGenerator[Flaw]:
    """Check entries that have no seal."""
    after = 0
    while True:
        async with store.transaction() as transaction:
            found = await transaction.trail.unsealed(before=before, after=after, limit=page)
        for one in found:
            after = one.entry_id
            if one.entry is None:
                yield Flaw(FlawKind.DELETED, "", 0, one.entry_id)
            else:
                kind = FlawKind.UNSEALED if one.waits else FlawKind.INSERTED
                yield Flaw(kind, one.entry.project, 0, one.entry_id)
        if len(found) < page:
            return


def _by_project(heads: Sequence[Seal]) -> Mapping[str, Mapping[int, str]]:
    found: dict[str, dict[int, str]] = {}
    for head in heads:
        found.setdefault(head.project, {})[head.sequence] = head.hash
    return found
