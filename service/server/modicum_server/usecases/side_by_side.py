"""Two versions beside each other, each by an audit: figures, and the pictures that both audits took.

It shows differences and tests none: an audit of both versions has paired differences with intervals.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from modicum_server.domain.audits import Audit
from modicum_server.domain.classes import same_classes
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import whole_image_search
from modicum_server.domain.verdicts import Verdict
from modicum_server.errors import FieldInvalid
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.audits import require_audit, require_succeeded
from modicum_server.usecases.draws import draw_order
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.result_facts import Figure, ResultFacts, VersionFacts, differing
from modicum_server.usecases.seen_pictures import Seen, seen_in
from modicum_server.usecases.versions import require_version

IMAGES_LOOKED_AT = 500
"""The most images of each audit that are looked at."""


@dataclass(frozen=True, slots=True)
class Side:
    """One version by one audit. Without a version, the last one that the audit names."""

    audit: str
    model_version: str = ""


@dataclass(frozen=True, slots=True)
class FigurePair:
    """A measure on both sides. `is_apart`: both have an interval, and these do not overlap."""

    left: Figure
    right: Figure
    is_apart: bool

    @property
    def difference(self) -> float:
        """Right minus left."""
        return (self.right.value or 0.0) - (self.left.value or 0.0)


@dataclass(frozen=True, slots=True)
class PicturePair:
    """A picture that both audits took."""

    item: str
    image_digest: str
    left: Seen
    right: Seen

    @property
    def differs(self) -> bool:
        """Whether the versions see another class."""
        return self.left.predicted != self.right.predicted


@dataclass(frozen=True, slots=True)
class Found:
    """What is known of a version by an audit, with the newest verdict on it by any audit.

    `spots` is the outcome of its spot test and `sentence` the most important one of its summary, both empty without.
    """

    version: str
    audit: Audit
    spots: str
    sentence: str
    verdict: Verdict | None


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Both sides. What differs comes first; `conditions` says what else differs than the version.

    `same_classes`: both versions have the same classes, so that a spot can be tried on both.
    """

    left: Audit
    right: Audit
    versions: tuple[str, str]
    found: tuple[Found, Found]
    conditions: Sequence[tuple[str, str, str]]
    figures: Sequence[FigurePair]
    pictures: Sequence[PicturePair]
    same_classes: bool


class Comparing:
    """Puts two audits beside each other."""

    def __init__(self, store: Store, facts: ResultFacts) -> None:
        self._store = store
        self._facts = facts

    async def of(self, principal: Principal, left: Side, right: Side) -> SideBySide:
        """Return both sides, which lie in one project.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound, AuditNotSucceeded
        """
        for field, side in (("left", left), ("right", right)):
            authorise(principal, project_of("audit", side.audit, field), Role.VIEWER)
        async with self._store.transaction() as transaction:
            audits = [await require_audit(transaction, side.audit) for side in (left, right)]
            for audit in audits:
                require_succeeded(audit)
            versions = [version_of(side, audit) for side, audit in zip((left, right), audits, strict=True)]
            alike = same_classes(*[await require_version(transaction, name) for name in versions]) is not None
            seen = [
                await _pictures(transaction, audit, version) for audit, version in zip(audits, versions, strict=True)
            ]
            judged = await transaction.overviews.verdicts_of_versions(project_of("audit", left.audit), versions)
        documents = await asyncio.gather(*(self._facts.of(audit.result_digest) for audit in audits))
        one, other = (facts.get(name, VersionFacts()) for facts, name in zip(documents, versions, strict=True))
        return SideBySide(
            left=audits[0],
            right=audits[1],
            versions=(versions[0], versions[1]),
            found=(
                _found(audits[0], versions[0], one, judged.get(versions[0])),
                _found(audits[1], versions[1], other, judged.get(versions[1])),
            ),
            conditions=differing(one.conditions, other.conditions),
            figures=_figures(one.figures, other.figures),
            pictures=_paired(*seen),
            same_classes=alike,
        )


def _found(audit: Audit, version: str, facts: VersionFacts, verdict: Verdict | None) -> Found:
    return Found(version, audit, facts.spots, next(iter(facts.sentences), ""), verdict)


def version_of(side: Side, audit: Audit) -> str:
    """Return the version of a side.

    Raises:
        FieldInvalid: its audit does not name the version.
    """
    named = audit.specification.model_versions
    if side.model_version and side.model_version not in named:
        raise FieldInvalid("version", f"expected a version of {audit.name}, got {side.model_version[:200]}")
    return side.model_version or named[-1]


async def _pictures(transaction: Transaction, audit: Audit, version: str) -> Mapping[str, tuple[str, Seen]]:
    """Return by image digest the item and what the version made of it, where it could be scored."""
    labels = (await require_version(transaction, version)).class_labels
    search = whole_image_search(audit.specification.searches)
    findings = await transaction.findings.at(audit.reused_from or audit.name, positions_looked_at(audit))
    own = (one for one in findings if one.model_version == version and one.search_index == search and not one.failed)
    return {one.image_digest: (one.item, seen_in(one, labels)) for one in own}


def positions_looked_at(audit: Audit, images: int = IMAGES_LOOKED_AT) -> tuple[int, ...]:
    """Return the first positions in the order in which the audit works, which its seed draws from all its images.

    An audit that ended early has findings there. Audits with one seed and as many images look at the same positions.
    """
    return draw_order(seed=audit.specification.seed, item_count=audit.item_count)[:images]


def _paired(left: Mapping[str, tuple[str, Seen]], right: Mapping[str, tuple[str, Seen]]) -> list[PicturePair]:
    """Return the shared pictures: other classes first, then by how much the subsets differ in size."""
    pairs = [
        PicturePair(item, digest, seen, right[digest][1]) for digest, (item, seen) in left.items() if digest in right
    ]
    return sorted(pairs, key=lambda pair: (not pair.differs, -_distance(pair)))


def _distance(pair: PicturePair) -> float:
    one, other = pair.left.subset_fraction, pair.right.subset_fraction
    return 0.0 if one is None or other is None else abs(one - other)


def _figures(left: Mapping[str, Figure], right: Mapping[str, Figure]) -> list[FigurePair]:
    """Return the measures that both have: those whose intervals do not overlap first, each half in its order."""
    pairs = [
        FigurePair(one, right[name], _are_apart(one, right[name]))
        for name, one in left.items()
        if name in right and one.value is not None and right[name].value is not None
    ]
    return sorted(pairs, key=lambda pair: not pair.is_apart)


def _are_apart(one: Figure, other: Figure) -> bool:
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return False
    return one.high < other.low or other.high < one.low
