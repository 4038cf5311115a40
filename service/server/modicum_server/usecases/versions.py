"""Versions of models: immutable, identified by a digest, and READY when a worker has loaded them."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from modicum_server.domain.audits import NewShard, Stage
from modicum_server.domain.models import (
    Endpoint,
    Ensemble,
    InputDropout,
    InputSpecification,
    ModelVersion,
    Source,
    VersionState,
)
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.traces import Cause
from modicum_server.domain.trail import Verb
from modicum_server.errors import FieldInvalid, ModelVersionNotFound
from modicum_server.ports import EndpointEntries, Store, Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.access import authorise
from modicum_server.usecases.composites import with_parts
from modicum_server.usecases.granted_endpoints import granted_endpoint
from modicum_server.usecases.held_resources import refuse_held
from modicum_server.usecases.model_sources import FIELD, check_source, require_source_artifact
from modicum_server.usecases.models import create_model, model_not_found, refuse_in_use
from modicum_server.usecases.pages import NUMBERS, Page, PageRequest, read_page
from modicum_server.usecases.request_ids import CreateOptions, canonical_digest, identify
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check, shown
from modicum_server.usecases.trail import record
from modicum_server.usecases.worker_architectures import no_worker_for, refuse_unbuildable

FIXED_BYTES = 1024
ADDED_FIELDS = frozenset({"configuration", "crop_rounded_down", "stretched"})
"""Fields that came after the first release."""


@dataclass(frozen=True, slots=True)
class NewVersion:
    """A version that a caller wants to register."""

    source: Source | None
    input: InputSpecification | None
    class_labels: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of the canonical JSON of source, input and labels."""
        source = {"kind": type(self.source).__name__, "of": _as_before(self.source)}
        return canonical_digest({"source": source, "input": _as_before(self.input), "class_labels": self.class_labels})


def _as_before(value: Source | InputSpecification | None) -> dict[str, Any] | None:
    """The fields of a record, without new ones that are unset: versions of earlier releases keep their digests."""
    if value is None:
        return None
    return {key: one for key, one in asdict(value).items() if one or key not in ADDED_FIELDS}


class Versions:
    """Registers, reads and deletes versions."""

    def __init__(self, store: Store, settings: Settings, endpoints: EndpointEntries) -> None:
        self._store = store
        self._settings = settings
        self._endpoints = endpoints

    async def get(self, principal: Principal, name: str) -> ModelVersion:
        """Get a version.

        Raises:
            FieldInvalid, ProjectNotFound, ModelVersionNotFound
        """
        authorise(principal, project_of("model version", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await require_version(transaction, name)

    async def waits_for_worker(self, version: ModelVersion) -> bool:
        """Return whether a version is PENDING and no worker is there that could check it."""
        if version.state is not VersionState.PENDING:
            return False
        async with self._store.transaction() as transaction:
            return await no_worker_for(transaction, version.source)

    async def failed_try(self, version: ModelVersion) -> str:
        """Return why the last try of a PENDING version's check failed, in words; empty if none failed."""
        if version.state is not VersionState.PENDING:
            return ""
        async with self._store.transaction() as transaction:
            return await transaction.overviews.failed_try(version.name)

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[ModelVersion]:
        """List the versions of a model, newest first.

        Raises:
            FieldInvalid, ProjectNotFound, ModelNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("model", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            if await transaction.models.get(parent) is None:
                raise model_not_found(parent)
            return await read_page(
                request,
                f"versions of {parent}",
                partial(transaction.models.versions, parent),
                weigh=lambda version: FIXED_BYTES + sum(map(len, version.class_labels)),
                keys=NUMBERS,
            )

    async def create(
        self,
        principal: Principal,
        parent: str,
        new: NewVersion,
        options: CreateOptions,
        *,
        allow_missing: bool = False,
    ) -> ModelVersion:
        """Register a version as PENDING and queue its check. An existing version of equal digest is returned instead.

        If that one was REJECTED it is checked again: the worker may have now what it lacked then. An endpoint always
        gets a new version. With `allow_missing` a model that does not exist is created with its version.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ModelNotFound, ArtifactMissing, ArchitectureUnknown,
            ArchitectureUnavailable, ExecutableNotAllowed, EndpointUnknown, ModelVersionNotFound, ModelRejected,
            RequestIdReused
        """
        project = project_of("model", parent, "parent")
        authorise(principal, project, Role.AUDITOR)
        if isinstance(new.source, Endpoint):
            new = replace(new, source=await granted_endpoint(self._endpoints, project, new.source))
        version = self._checked(new, principal)
        request = identify(project, "CreateModelVersion", options, {"parent": parent, "digest": version.digest})
        async with self._store.transaction() as transaction:
            if created := await request.recall(transaction):
                return await require_version(transaction, created)
            missing = await transaction.models.get(parent) is None
            if missing and not allow_missing:
                raise model_not_found(parent)
            version = await _completed(transaction, project, version)
            present = await transaction.models.version_by_digest(parent, version.digest)
            if present is None or present.state is not VersionState.READY:
                await refuse_unbuildable(transaction, version.source)
            await require_source_artifact(transaction, project, version.source)  # last: callers ask before they upload
            if options.validate_only:
                return present or version
            if missing:
                await create_model(transaction, principal, parent)
            stored = present or await transaction.models.create_version(parent, version)
            if stored.state is not VersionState.READY:
                stored = await _with_check(transaction, project, stored, principal.origin.cause)
            if present is None or present.state is VersionState.REJECTED:
                await record(transaction, principal, Verb.CREATE_MODEL_VERSION, stored.name)
            await request.remember(transaction, stored.name)
            return stored

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete a version.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ModelVersionNotFound, ResourceHeld, ResourceInUse
        """
        project = project_of("model version", name)
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            await transaction.erasures.take_turn(project)
            await require_version(transaction, name)
            await refuse_held(transaction, [name])
            refuse_in_use(name, await transaction.models.audits_of(name))
            await transaction.models.delete_version(name)
            await record(transaction, principal, Verb.DELETE_MODEL_VERSION, name)

    def _checked(self, new: NewVersion, principal: Principal) -> ModelVersion:
        check_source(new.source, new.input, executables=self._settings.allow_executables)
        assert new.source is not None, "check_source refuses it"
        check(f"{FIELD}.class_labels", new.class_labels)
        for place, label in enumerate(new.class_labels):
            check(f"{FIELD}.class_labels[{place}]", label, "class_label")
        _refuse_equal_names(new.class_labels)
        return ModelVersion(
            name="",
            source=new.source,
            input=new.input,
            class_labels=new.class_labels,
            digest=new.digest,
            state=VersionState.PENDING,
            create_time=datetime.now(UTC),
            principal=principal.name,
        )


def _refuse_equal_names(class_labels: Sequence[str]) -> None:
    """Refuse names that two classes share: a verdict on one of them could be taken for one on the other."""
    first: dict[str, int] = {}
    for place, label in enumerate(class_labels):
        before = first.setdefault(label, place)
        if before != place:
            raise FieldInvalid(
                f"{FIELD}.class_labels[{place}]",
                f"classes {before} and {place} are both called {shown(label)}; class names must be unique",
            )


async def _completed(transaction: Transaction, project: str, version: ModelVersion) -> ModelVersion:
    """Return a composite with what its parts say, and an endpoint with a digest that no other version has.

    What is behind an endpoint may have changed since it was registered before.

    Raises:
        FieldInvalid, ModelVersionNotFound, ModelRejected
    """
    if isinstance(version.source, (Ensemble, InputDropout)):
        return await with_parts(transaction, project, version)
    if isinstance(version.source, Endpoint):
        now = {"digest": version.digest, "registered": version.create_time.isoformat()}
        return replace(version, digest=canonical_digest(now))
    return version


async def _with_check(transaction: Transaction, project: str, version: ModelVersion, cause: Cause) -> ModelVersion:
    """Queue the check of a version that is not READY, once."""
    if version.state is VersionState.REJECTED and not await transaction.models.recheck(version.name):
        return await require_version(transaction, version.name)  # another request was faster
    await transaction.shards.add(project, "", [NewShard(stage=Stage.CHECK, model_version=version.name)], cause)
    return await require_version(transaction, version.name)


async def require_version(transaction: Transaction, name: str) -> ModelVersion:
    """Get a version.

    Raises:
        ModelVersionNotFound
    """
    version = await transaction.models.version(name)
    if version is None:
        raise ModelVersionNotFound(f"{name}: there is no model version with this name", name=name)
    return version
