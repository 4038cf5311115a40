"""Swaps of a spot: a place of one picture is copied into another, and one or two versions say what they then see.

The pictures are composed here, on the canvas of an audit, and stored as arrays. A worker lets each version score them.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from modicum_server.domain.audits import Audit, NewShard, Stage
from modicum_server.domain.classes import same_classes
from modicum_server.domain.digests import digest_of
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification, ModelVersion
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import whole_image_search
from modicum_server.domain.spot_swaps import VIEWS, SpotSwap, SwapPlan
from modicum_server.domain.spots import SpotPlace
from modicum_server.domain.trail import Verb
from modicum_server.errors import ArtifactNotFound, FieldInvalid, ResourceInUse, ShareExceeded, SpotSwapNotFound
from modicum_server.images.pictures import PictureTooLarge, PictureUnreadable, canvas_array
from modicum_server.ports import ArtifactStore, ReportRenderer, Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.access import authorise
from modicum_server.usecases.artifacts import Artifacts
from modicum_server.usecases.audits import require_audit, require_succeeded
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.reports import Reports
from modicum_server.usecases.request_ids import CreateOptions, IdentifiedRequest, identify
from modicum_server.usecases.resource_names import new_resource_id, project_of
from modicum_server.usecases.retained import require_findings, require_images
from modicum_server.usecases.rules import shown
from modicum_server.usecases.shares import TurnsOfPrincipals
from modicum_server.usecases.side_by_side import Side, positions_looked_at, version_of
from modicum_server.usecases.stored_results import read_whole
from modicum_server.usecases.swapped_pictures import Array, check_canvas, check_place, composed, proposed_place
from modicum_server.usecases.threads_in_turn import ThreadsInTurn
from modicum_server.usecases.trail import record
from modicum_server.usecases.versions import require_version
from modicum_server.usecases.waiting_threads import current_work

MOST_OPEN = 20
"""Swaps of a project that may wait or be at work."""


@dataclass(frozen=True, slots=True)
class AskedSwap:
    """What is to be tried: two sides, and two pictures that the left audit took, by their digests."""

    left: Side
    right: Side
    source: str
    other: str
    place: SpotPlace


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a swap is made from."""

    audit: Audit
    versions: tuple[ModelVersion, ...]
    source: Finding
    other: Finding


class SpotSwaps:
    """Creates, reads and cancels swaps."""

    def __init__(
        self,
        store: Store,
        artifacts: ArtifactStore,
        renderer: ReportRenderer,
        reports: Reports,
        threads: ThreadsInTurn,
        *,
        settings: Settings,
    ) -> None:
        self._store = store
        self._held = Artifacts(store, artifacts, settings)
        self._artifacts = artifacts
        self._renderer = renderer
        self._reports = reports
        self._threads = threads
        self._max_pixels = settings.max_image_pixels
        self._creations = TurnsOfPrincipals(1, 1)

    async def get(self, principal: Principal, name: str) -> SpotSwap:
        """Get a swap.

        Raises:
            FieldInvalid, ProjectNotFound, SpotSwapNotFound
        """
        authorise(principal, project_of("swap", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return _there(await transaction.spot_swaps.get(name), name)

    async def proposed_place(self, principal: Principal, side: Side, source: str) -> SpotPlace:
        """Return the window of a quarter of the sides with most pixels of the subset of a picture; else the middle.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound, AuditNotSucceeded
        """
        authorise(principal, project_of("audit", side.audit, "left"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            audit = await require_audit(transaction, side.audit)
            require_succeeded(audit)
            require_findings(audit)
            found = await _finding(transaction, audit, version_of(side, audit), "source", source)
        return await asyncio.to_thread(proposed_place, found, audit.specification.canvas)

    async def create(self, principal: Principal, asked: AskedSwap, options: CreateOptions) -> SpotSwap:
        """Create a swap and queue it, once for each version.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, AuditNotFound, AuditNotSucceeded, ArtifactNotFound,
            ArtifactCorrupt, ShareExceeded, ProjectFull, RequestIdReused
        """
        project = project_of("audit", asked.left.audit, "left")
        if project_of("audit", asked.right.audit, "right") != project:
            raise FieldInvalid("right", f"expected an audit of {project}, got {asked.right.audit}")
        authorise(principal, project, Role.AUDITOR)
        request = identify(project, "SwapSpot", options, _identity(asked))
        async with self._store.transaction() as transaction:
            if known := await request.recall(transaction):
                return _there(await transaction.spot_swaps.get(known), known)
            stored = await _load(transaction, asked)
            await _require_room(transaction, project)
        async with self._creations.taken(principal):
            return await self._create(principal, asked, stored, request)

    async def _create(
        self, principal: Principal, asked: AskedSwap, stored: _Stored, request: IdentifiedRequest
    ) -> SpotSwap:
        project = request.project
        framing = await self._reports.framing(stored.audit)
        pictures, files = await self._composed(principal, stored, asked.place, framing)
        plan = _plan(stored, asked.place, framing, pictures)
        swap = SpotSwap(f"{project}/swaps/{new_resource_id()}", plan, principal.name)
        async with self._store.transaction() as transaction:
            if known := await request.recall(transaction):
                return _there(await transaction.spot_swaps.get(known), known)
            await transaction.audits.queue_in_turn(project)  # of many at once, each sees those before it
            await _require_room(transaction, project)
            await _require_pictures(transaction, project, asked)
            await self._held.hold_made(transaction, principal, project, files)
            created = await transaction.spot_swaps.create(swap)
            await record(transaction, principal, Verb.SWAP_SPOT, created.name)
            await request.remember(transaction, created.name)
            shards = [_shard(name) for name in plan.model_versions]
            await transaction.shards.add(project, created.name, shards, principal.origin.cause)
        return created

    async def cancel(self, principal: Principal, name: str) -> SpotSwap:
        """End a swap that has not ended. What a version has said stays.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, SpotSwapNotFound
        """
        authorise(principal, project_of("swap", name), Role.AUDITOR)
        async with self._store.transaction() as transaction:
            swap = _there(await transaction.spot_swaps.lock(name), name)
            if swap.is_open:
                await transaction.spot_swaps.cancel(name)
                await transaction.shards.withdraw(name, Stage.SWAP)
                await record(transaction, principal, Verb.CANCEL_SWAP, name)
            return _there(await transaction.spot_swaps.get(name), name)

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[SpotSwap]:
        """List the swaps of a project, newest first.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await read_page(request, f"swaps of {parent}", partial(transaction.spot_swaps.page, parent))

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete a swap that has ended, and its composed pictures where nothing else refers to them.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, SpotSwapNotFound
            ResourceInUse: it has not ended; cancel it first.
        """
        project = project_of("swap", name)
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            swap = _there(await transaction.spot_swaps.lock(name), name)
            if swap.is_open:
                raise ResourceInUse(f"{name} has not ended; cancel it first")
            await transaction.spot_swaps.delete(name)
            await record(transaction, principal, Verb.DELETE_SWAP, name)
        for digest in dict.fromkeys(swap.plan.pictures):
            with contextlib.suppress(ArtifactNotFound, ResourceInUse):
                await self._held.delete(principal, f"{project}/artifacts/{digest}")

    async def picture(self, principal: Principal, name: str, position: int) -> bytes:
        """Return a picture of a swap as PNG, by its position among `VIEWS`.

        Raises:
            FieldInvalid, ProjectNotFound, SpotSwapNotFound, ArtifactNotFound, ArtifactCorrupt
        """
        plan = (await self.get(principal, name)).plan
        if not 0 <= position < len(VIEWS):
            raise SpotSwapNotFound(f"a swap has the pictures 0 to {len(VIEWS) - 1}, got {position}")
        read = partial(read_whole, self._artifacts, plan.pictures[position])
        draw = partial(
            self._renderer.canvas_picture, framing=plan.framing, canvas=plan.canvas, max_pixels=self._max_pixels
        )
        return await self._threads.run_on(principal, read, draw)

    async def _composed(
        self, principal: Principal, stored: _Stored, place: SpotPlace, framing: InputSpecification
    ) -> tuple[list[str], dict[str, bytes]]:
        """Return the digests of the pictures, in the order of `VIEWS`, and their array files by digest."""
        placed = partial(
            canvas_array, specification=framing, canvas=stored.audit.specification.canvas, max_pixels=self._max_pixels
        )
        try:
            return await self._threads.run(principal, partial(self._compose, stored, place, placed))
        except (PictureUnreadable, PictureTooLarge) as error:
            raise FieldInvalid("source", f"a picture can no longer be placed on the canvas: {error}") from None

    def _compose(
        self, stored: _Stored, place: SpotPlace, placed: Callable[[bytes], Array]
    ) -> tuple[list[str], dict[str, bytes]]:
        read = current_work().waited
        source, other = [
            placed(read(partial(read_whole, self._artifacts, one.image_digest)))
            for one in (stored.source, stored.other)
        ]
        pictures = [(digest_of(data), data) for data in composed(source, other, place)]
        return [digest for digest, _ in pictures], dict(pictures)


def _identity(asked: AskedSwap) -> Mapping[str, object]:
    """Return what tells this swap from another, as plain values."""
    place = asked.place
    window = (place.height, place.width, place.top, place.left)
    return {"left": asked.left, "right": asked.right, "source": asked.source, "other": asked.other, "window": window}


async def _require_room(transaction: Transaction, project: str) -> None:
    if await transaction.spot_swaps.open_count(project) >= MOST_OPEN:
        raise ShareExceeded(
            f"{project} has {MOST_OPEN} swaps of a spot that have not ended; wait, or cancel some (page of swaps)"
        )


async def _load(transaction: Transaction, asked: AskedSwap) -> _Stored:
    audits = [await require_audit(transaction, side.audit) for side in (asked.left, asked.right)]
    for audit in audits:
        require_succeeded(audit)
        require_findings(audit)
        await require_images(transaction, [audit.specification.dataset])
    names = dict.fromkeys(map(version_of, (asked.left, asked.right), audits))
    versions = tuple([await require_version(transaction, name) for name in names])
    if asked.source == asked.other:
        raise FieldInvalid("other", "expected another picture than the one with the spot")
    left, name = audits[0], versions[0].name
    source = await _finding(transaction, left, name, "source", asked.source)
    other = await _finding(transaction, left, name, "other", asked.other)
    check_canvas(left.specification.canvas)
    check_place(asked.place, left.specification.canvas)
    for version in versions[1:]:
        if same_classes(versions[0], version) is None:
            raise FieldInvalid("right", f"expected a version with the classes of {name}, got {version.name}")
    return _Stored(left, versions, source, other)


async def _finding(transaction: Transaction, audit: Audit, version: str, field: str, digest: str) -> Finding:
    """Return what a version made of a picture, by the digest of its file."""
    search = whole_image_search(audit.specification.searches)
    for found in await transaction.findings.at(audit.reused_from or audit.name, positions_looked_at(audit)):
        ours = found.model_version == version and found.search_index == search
        if ours and found.image_digest == digest and found.predicted_class is not None:
            return found
    raise FieldInvalid(field, f"expected the digest of a picture that {audit.name} shows, got {shown(digest)}")


async def _require_pictures(transaction: Transaction, project: str, asked: AskedSwap) -> None:
    """Refuse pictures that were erased while they were composed."""
    held = await transaction.artifacts.held(project, [asked.source, asked.other])
    for digest in (asked.source, asked.other):
        if digest not in held:
            raise ArtifactNotFound(f"{project} does not hold the picture {digest} any more", digest=digest)


def _plan(stored: _Stored, place: SpotPlace, framing: InputSpecification, pictures: Sequence[str]) -> SwapPlan:
    first, target = stored.versions[0], stored.source.predicted_class
    assert target is not None, "the version has a class for the picture"
    return SwapPlan(
        audit=stored.audit.name,
        canvas=stored.audit.specification.canvas,
        framing=replace(framing, resize=0),
        model_versions=tuple(version.name for version in stored.versions),
        target_classes=(target, *(_class_in(version, first, target) for version in stored.versions[1:])),
        target_label=first.class_labels[target] if target < len(first.class_labels) else str(target),
        source=stored.source.item,
        other=stored.other.item,
        place=place,
        pictures=tuple(pictures),
    )


def _class_in(version: ModelVersion, first: ModelVersion, target: int) -> int:
    places = same_classes(first, version)
    assert places is not None, "the versions have the same classes"
    return places[target]


def _shard(version: str) -> NewShard:
    return NewShard(Stage.SWAP, version, positions=tuple(range(len(VIEWS))), passes_planned=len(VIEWS))


def _there(swap: SpotSwap | None, name: str) -> SpotSwap:
    if swap is None:
        raise SpotSwapNotFound(f"there is no swap with the name {name}")
    return swap
