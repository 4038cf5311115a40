"""Trials of a spot: a place of one picture is copied into another, and one or two versions say what they then see.

The pictures are composed here, on the canvas of an audit, and stored as arrays. A worker lets each version score them.
"""

import asyncio
import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from modicum_server.domain.audits import Audit, NewShard, Stage
from modicum_server.domain.classes import same_classes
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification, ModelVersion
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.searches import Canvas, whole_image_search
from modicum_server.domain.spot_trials import VIEWS, SpotTrial, TrialPlan
from modicum_server.domain.spots import SpotKind, SpotPlace
from modicum_server.errors import ArtifactNotFound, FieldInvalid, ResourceInUse, SpotTrialNotFound, TooManyTrials
from modicum_server.images.pictures import PictureTooLarge, PictureUnreadable, canvas_array
from modicum_server.ports import ArtifactStore, ReportRenderer, Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.access import authorise
from modicum_server.usecases.artifacts import Artifacts
from modicum_server.usecases.audits import require_audit, require_succeeded
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.reports import Reports
from modicum_server.usecases.request_ids import CreateOptions, identify
from modicum_server.usecases.resource_names import new_resource_id, project_of
from modicum_server.usecases.rules import shown
from modicum_server.usecases.side_by_side import Side, positions_looked_at, version_of
from modicum_server.usecases.stored_results import read_whole
from modicum_server.usecases.versions import require_version

MOST_OPEN = 20
"""Trials of a project that may wait or be at work."""
WINDOW_SHARE = 0.25
"""The sides of the window that is proposed, as a share of the canvas."""

Array = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class AskedTrial:
    """What is to be tried: two sides, and two pictures that the left audit took, by their digests."""

    left: Side
    right: Side
    source: str
    other: str
    place: SpotPlace


@dataclass(frozen=True, slots=True)
class _Stored:
    """What a trial is made from."""

    audit: Audit
    versions: tuple[ModelVersion, ...]
    source: Finding
    other: Finding


class SpotTrials:
    """Creates, reads and cancels trials."""

    def __init__(
        self, store: Store, artifacts: ArtifactStore, renderer: ReportRenderer, reports: Reports, settings: Settings
    ) -> None:
        self._store = store
        self._held = Artifacts(store, artifacts, settings)
        self._artifacts = artifacts
        self._renderer = renderer
        self._reports = reports
        self._max_pixels = settings.max_image_pixels

    async def get(self, principal: Principal, name: str) -> SpotTrial:
        """Get a trial.

        Raises:
            FieldInvalid, ProjectNotFound, SpotTrialNotFound
        """
        authorise(principal, project_of("trial", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return _there(await transaction.spot_trials.get(name), name)

    async def proposed_place(self, principal: Principal, side: Side, source: str) -> SpotPlace:
        """Return the window of a quarter of the sides with most pixels of the subset of a picture; else the middle.

        Raises:
            FieldInvalid, ProjectNotFound, AuditNotFound, AuditNotSucceeded
        """
        authorise(principal, project_of("audit", side.audit, "left"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            audit = await require_audit(transaction, side.audit)
            require_succeeded(audit)
            found = await _finding(transaction, audit, version_of(side, audit), "source", source)
        return await asyncio.to_thread(_densest, found, audit.specification.canvas)

    async def create(self, principal: Principal, asked: AskedTrial, options: CreateOptions) -> SpotTrial:
        """Create a trial and queue it, once for each version.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, AuditNotFound, AuditNotSucceeded, ArtifactNotFound,
            ArtifactCorrupt, TooManyTrials, RequestIdReused
        """
        project = project_of("audit", asked.left.audit, "left")
        if project_of("audit", asked.right.audit, "right") != project:
            raise FieldInvalid("right", f"expected an audit of {project}, got {asked.right.audit}")
        authorise(principal, project, Role.AUDITOR)
        request = identify(project, "TrySpot", options, _identity(asked))
        async with self._store.transaction() as transaction:
            if known := await request.recall(transaction):
                return _there(await transaction.spot_trials.get(known), known)
            stored = await _load(transaction, asked)
            await _require_room(transaction, project)
        framing = await self._reports.framing(stored.audit)
        pictures = await self._composed(stored, asked.place, framing)
        plan = _plan(stored, asked.place, framing)
        trial = SpotTrial(f"{project}/trials/{new_resource_id()}", plan, principal.name)
        digests = [await self._artifacts.put(data) for data in pictures]
        async with self._store.transaction() as transaction:
            if known := await request.recall(transaction):
                return _there(await transaction.spot_trials.get(known), known)
            await transaction.audits.queue_in_turn(project)  # of many at once, each sees those before it
            await _require_room(transaction, project)
            for digest, data in sorted(zip(digests, pictures, strict=True)):
                await transaction.artifacts.lock(digest)
                await transaction.artifacts.add(project, digest, len(data))
            created = await transaction.spot_trials.create(replace(trial, plan=replace(plan, pictures=tuple(digests))))
            await request.remember(transaction, created.name)
            await transaction.shards.add(project, created.name, [_shard(name) for name in plan.model_versions])
        return created

    async def cancel(self, principal: Principal, name: str) -> SpotTrial:
        """End a trial that has not ended. What a version has said stays.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, SpotTrialNotFound
        """
        authorise(principal, project_of("trial", name), Role.AUDITOR)
        async with self._store.transaction() as transaction:
            trial = _there(await transaction.spot_trials.lock(name), name)
            if trial.is_open:
                await transaction.spot_trials.cancel(name)
                await transaction.shards.withdraw(name, Stage.TRIAL)
            return _there(await transaction.spot_trials.get(name), name)

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[SpotTrial]:
        """List the trials of a project, newest first.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await read_page(
                request,
                f"trials of {parent}",
                lambda after, limit: transaction.spot_trials.page(parent, after=after, limit=limit),
            )

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete a trial that has ended, and its composed pictures where nothing else refers to them.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, SpotTrialNotFound
            ResourceInUse: it has not ended; cancel it first.
        """
        project = project_of("trial", name)
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            trial = _there(await transaction.spot_trials.lock(name), name)
            if trial.is_open:
                raise ResourceInUse(f"{name} has not ended; cancel it first")
            await transaction.spot_trials.delete(name)
        for digest in dict.fromkeys(trial.plan.pictures):
            with contextlib.suppress(ArtifactNotFound, ResourceInUse):
                await self._held.delete(principal, f"{project}/artifacts/{digest}")

    async def picture(self, principal: Principal, name: str, position: int) -> bytes:
        """Return a picture of a trial as PNG, by its position among `VIEWS`.

        Raises:
            FieldInvalid, ProjectNotFound, SpotTrialNotFound, ArtifactNotFound, ArtifactCorrupt
        """
        plan = (await self.get(principal, name)).plan
        if not 0 <= position < len(VIEWS):
            raise SpotTrialNotFound(f"a trial has the pictures 0 to {len(VIEWS) - 1}, got {position}")
        data = await read_whole(self._artifacts, plan.pictures[position])
        return await asyncio.to_thread(
            self._renderer.canvas_picture, data, plan.framing, plan.canvas, max_pixels=self._max_pixels
        )

    async def _composed(self, stored: _Stored, place: SpotPlace, framing: InputSpecification) -> list[bytes]:
        """Return the pictures as array files, in the order of `VIEWS`."""
        files = [await read_whole(self._artifacts, one.image_digest) for one in (stored.source, stored.other)]
        canvas = stored.audit.specification.canvas
        try:
            source, other = [
                await asyncio.to_thread(canvas_array, data, framing, canvas, self._max_pixels) for data in files
            ]
        except (PictureUnreadable, PictureTooLarge) as error:
            raise FieldInvalid("source", f"a picture cannot be placed on the canvas any more: {error}") from None
        views = [source, _with_place(source, other, place), other, _with_place(other, source, place)]
        return [_array_file(view) for view in views]


def _identity(asked: AskedTrial) -> Mapping[str, object]:
    """Return what tells this trial from another, as plain values."""
    place = asked.place
    window = (place.height, place.width, place.top, place.left)
    return {"left": asked.left, "right": asked.right, "source": asked.source, "other": asked.other, "window": window}


async def _require_room(transaction: Transaction, project: str) -> None:
    if await transaction.spot_trials.open_count(project) >= MOST_OPEN:
        raise TooManyTrials(
            f"{project} has {MOST_OPEN} trials of a spot that have not ended; wait, or cancel some (page of trials)"
        )


async def _load(transaction: Transaction, asked: AskedTrial) -> _Stored:
    audits = [await require_audit(transaction, side.audit) for side in (asked.left, asked.right)]
    for audit in audits:
        require_succeeded(audit)
    names = dict.fromkeys(map(version_of, (asked.left, asked.right), audits))
    versions = tuple([await require_version(transaction, name) for name in names])
    if asked.source == asked.other:
        raise FieldInvalid("other", "expected another picture than the one with the spot")
    left, name = audits[0], versions[0].name
    source = await _finding(transaction, left, name, "source", asked.source)
    other = await _finding(transaction, left, name, "other", asked.other)
    _check_place(asked.place, left.specification.canvas)
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


def _check_place(place: SpotPlace, canvas: Canvas) -> None:
    for side, start, length, whole in (
        ("height", place.top, place.height, canvas.height),
        ("width", place.left, place.width, canvas.width),
    ):
        if length < 1 or start < 0 or start + length > whole:
            raise FieldInvalid(
                f"place.{side}",
                f"expected a window inside the canvas of {canvas.height} x {canvas.width} pixels, "
                f"got {place.height} x {place.width} at {place.top} from the top and {place.left} from the left",
            )


def _densest(found: Finding, canvas: Canvas) -> SpotPlace:
    high, wide = (max(1, round(WINDOW_SHARE * side)) for side in (canvas.height, canvas.width))
    if found.subset is None:
        return SpotPlace(SpotKind.WINDOW, high, wide, (canvas.height - high) // 2, (canvas.width - wide) // 2)
    bits = np.unpackbits(np.frombuffer(found.subset.mask, np.uint8), count=canvas.height * canvas.width)
    mask = bits.reshape(canvas.height, canvas.width).astype(np.int64)
    sums = np.pad(mask, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    kept = sums[high:, wide:] - sums[:-high, wide:] - sums[high:, :-wide] + sums[:-high, :-wide]
    top, left = np.unravel_index(int(kept.argmax()), kept.shape)
    return SpotPlace(SpotKind.WINDOW, high, wide, int(top), int(left))


def _plan(stored: _Stored, place: SpotPlace, framing: InputSpecification) -> TrialPlan:
    first, target = stored.versions[0], stored.source.predicted_class
    assert target is not None, "the version has a class for the picture"
    return TrialPlan(
        audit=stored.audit.name,
        canvas=stored.audit.specification.canvas,
        framing=replace(framing, resize=0),
        model_versions=tuple(version.name for version in stored.versions),
        target_classes=(target, *(_class_in(version, first, target) for version in stored.versions[1:])),
        target_label=first.class_labels[target] if target < len(first.class_labels) else str(target),
        source=stored.source.item,
        other=stored.other.item,
        place=place,
        pictures=(),
    )


def _class_in(version: ModelVersion, first: ModelVersion, target: int) -> int:
    places = same_classes(first, version)
    assert places is not None, "the versions have the same classes"
    return places[target]


def _with_place(into: Array, source: Array, place: SpotPlace) -> Array:
    composed = into.copy()
    rows = slice(place.top, place.top + place.height)
    columns = slice(place.left, place.left + place.width)
    composed[:, rows, columns] = source[:, rows, columns]
    return composed


def _array_file(values: Array) -> bytes:
    written = io.BytesIO()
    np.save(written, np.ascontiguousarray(values.transpose(1, 2, 0)))
    return written.getvalue()


def _shard(version: str) -> NewShard:
    return NewShard(Stage.TRIAL, version, positions=tuple(range(len(VIEWS))), passes_planned=len(VIEWS))


def _there(trial: SpotTrial | None, name: str) -> SpotTrial:
    if trial is None:
        raise SpotTrialNotFound(f"there is no trial with the name {name}")
    return trial
