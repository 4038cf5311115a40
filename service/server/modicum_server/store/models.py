"""Models and versions."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, ScalarSelect, delete, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from modicum_server.domain.documents import CHECK, INPUT, document_of, value_of
from modicum_server.domain.models import Model, ModelCheck, ModelVersion, VersionState, artifact_of
from modicum_server.errors import ModelNotFound, ModelVersionNotFound
from modicum_server.ports import Keyed
from modicum_server.store import tables
from modicum_server.store.projects import project_of
from modicum_server.store.source_documents import parts_of, source_document, source_of
from modicum_server.store.spot_swaps import open_swaps_of
from modicum_server.store.wakeups import notify_work

REFERRERS = 10
_VERSIONS = tables.model_versions.c


def _latest(column: ColumnElement[str], *conditions: ColumnElement[bool]) -> ScalarSelect[str]:
    """A column of a model's newest version that meets the conditions."""
    of_model = select(column).where(_VERSIONS.model == tables.models.c.name, *conditions)
    return of_model.order_by(_VERSIONS.number.desc()).limit(1).scalar_subquery()


_MODEL = select(
    tables.models,
    func.coalesce(_latest(_VERSIONS.name), "").label("latest_version"),
    _latest(_VERSIONS.state).label("latest_version_state"),
    func.coalesce(_latest(_VERSIONS.name, _VERSIONS.state == VersionState.READY.value), "").label(
        "latest_ready_version"
    ),
)


class PostgresModels:
    """`ports.Models`."""

    def __init__(self, connection: AsyncConnection) -> None:
        self._connection = connection

    async def get(self, name: str) -> Model | None:
        """Get a model."""
        row = (await self._connection.execute(_MODEL.where(tables.models.c.name == name))).one_or_none()
        return _model(row) if row else None

    async def page(self, project: str, *, after: str, limit: int) -> list[Keyed[Model]]:
        """List the models of a project, by name."""
        query = _MODEL.where(tables.models.c.project == project, tables.models.c.name > after)
        rows = await self._connection.execute(query.order_by(tables.models.c.name).limit(limit))
        return [(row.name, _model(row)) for row in rows]

    async def named(self, names: Sequence[str]) -> Mapping[str, Model]:
        """Those of these models that exist, by name."""
        rows = await self._connection.execute(_MODEL.where(tables.models.c.name.in_(list(names))))
        return {row.name: _model(row) for row in rows}

    async def create(self, name: str) -> Model:
        """Create it, or return the one of that name."""
        row = insert(tables.models).values(name=name, project=project_of(name))
        await self._connection.execute(row.on_conflict_do_nothing())
        model = await self.get(name)
        if model is None:
            raise ModelNotFound(f"{name} was deleted at the same time; create it again", name=name)
        return model

    async def delete(self, name: str) -> None:
        """Delete it with its versions."""
        versions = select(_VERSIONS.name).where(_VERSIONS.model == name)
        await self._drop_checks(tables.shards.c.model_version.in_(versions))
        await self._connection.execute(delete(tables.models).filter_by(name=name))

    async def version(self, name: str) -> ModelVersion | None:
        """Get a version."""
        query = select(tables.model_versions).filter_by(name=name)
        row = (await self._connection.execute(query)).one_or_none()
        return _version(row) if row else None

    async def versions_named(self, names: Sequence[str]) -> Mapping[str, ModelVersion]:
        """Those of these versions that exist, by name."""
        query = select(tables.model_versions).where(tables.model_versions.c.name.in_(list(names)))
        return {row.name: _version(row) for row in await self._connection.execute(query)}

    async def version_by_digest(self, model: str, digest: str) -> ModelVersion | None:
        """Get the version of that content."""
        query = select(tables.model_versions).filter_by(model=model, digest=digest)
        row = (await self._connection.execute(query)).one_or_none()
        return _version(row) if row else None

    async def versions(self, model: str, *, after: str, limit: int) -> list[Keyed[ModelVersion]]:
        """List the versions of a model, newest first."""
        query = select(tables.model_versions).where(_VERSIONS.model == model).order_by(_VERSIONS.number.desc())
        if after:
            query = query.where(_VERSIONS.number < int(after))
        return [(str(row.number), _version(row)) for row in await self._connection.execute(query.limit(limit))]

    async def create_version(self, model: str, version: ModelVersion) -> ModelVersion:
        """Store it under the model's next number. Locks the model. A version of equal content is returned unchanged.

        Raises:
            ModelNotFound, ModelVersionNotFound: The model, or a part, was deleted in the same moment.
        """
        lock = select(tables.models.c.last_number).filter_by(name=model).with_for_update(key_share=True)
        last_number = await self._connection.scalar(lock)
        if last_number is None:
            raise ModelNotFound(f"{model}: there is no model with this name", name=model)
        if present := await self.version_by_digest(model, version.digest):
            return present
        await self._hold_parts(version)
        number = last_number + 1
        await self._connection.execute(update(tables.models).filter_by(name=model).values(last_number=number))
        row = insert(tables.model_versions).values(_columns(model, number, version)).returning(tables.model_versions)
        return _version((await self._connection.execute(row)).one())

    async def _hold_parts(self, version: ModelVersion) -> None:
        """Check that its parts exist, and lock them against deletion."""
        wanted = parts_of(version.source)
        there = select(_VERSIONS.name).where(_VERSIONS.name.in_(wanted)).with_for_update(key_share=True, read=True)
        missing = set(wanted) - set((await self._connection.scalars(there)).all()) if wanted else set()
        if missing:
            raise ModelVersionNotFound(f"{min(missing)}: there is no model version with this name", name=min(missing))

    async def delete_version(self, name: str) -> None:
        """Delete it, and the check that is queued for it."""
        await self._drop_checks(tables.shards.c.model_version == name)
        await self._connection.execute(delete(tables.model_versions).filter_by(name=name))

    async def audits_of(self, name: str) -> list[str]:
        """Return at most 10 names of audits, open swaps and versions that refer to a version or any one of a model.

        Locks the versions, so that no audit can begin to refer to them until the transaction ends.
        """
        ours = select(_VERSIONS.name).where((_VERSIONS.name == name) | (_VERSIONS.model == name))
        names = list((await self._connection.scalars(ours.with_for_update())).all())
        audits, versions = tables.audits.c, _VERSIONS
        queries = (
            select(audits.name).where(audits.model_versions.overlap(names)),
            select(versions.name).where(versions.parts.overlap(names), versions.name.not_in(names)),
            open_swaps_of(names),
        )
        found: list[str] = []
        for query in queries if names else ():
            rows = await self._connection.scalars(query.order_by("name").limit(REFERRERS - len(found)))
            found += rows.all()
        return found

    async def accept(self, name: str, check: ModelCheck) -> None:
        """Set it READY, so that audits that wait for it may begin. No effect on one that is not PENDING."""
        document = document_of(CHECK, check)
        accepted = await self._settle(name, state=VersionState.READY.value, check_answer=document)
        waiting = select(exists().where(tables.shards.c.model_version == name, tables.shards.c.stage != "CHECK"))
        if accepted and await self._connection.scalar(waiting):
            await notify_work(self._connection)

    async def reject(self, name: str, *, reason: str, detail: str) -> None:
        """Set it REJECTED. No effect on one that is not PENDING."""
        await self._settle(name, state=VersionState.REJECTED.value, reject_reason=reason, reject_detail=detail)

    async def recheck(self, name: str) -> bool:
        """Set it PENDING again, without its reason. Return False, without effect, for one that is not REJECTED."""
        rejected = update(tables.model_versions).filter_by(name=name, state=VersionState.REJECTED.value)
        fresh = rejected.values(state=VersionState.PENDING.value, check_time=None, reject_reason="", reject_detail="")
        return (await self._connection.execute(fresh)).rowcount == 1

    async def _drop_checks(self, of_versions: ColumnElement[bool]) -> None:
        """Delete the checks of versions that are deleted. A check that a worker has locked stays; the worker drops it.

        A worker locks a check before its version. Here the versions are locked already, so waiting for the check could
        deadlock.
        """
        checks = select(tables.shards.c.id).where(tables.shards.c.audit == "", of_versions)
        unheld = checks.with_for_update(skip_locked=True)
        await self._connection.execute(delete(tables.shards).where(tables.shards.c.id.in_(unheld)))

    async def _settle(self, name: str, **values: Any) -> bool:
        pending = update(tables.model_versions).filter_by(name=name, state=VersionState.PENDING.value)
        result = await self._connection.execute(pending.values(check_time=func.now(), **values))
        return result.rowcount == 1


def _columns(model: str, number: int, version: ModelVersion) -> dict[str, Any]:
    return {
        "name": f"{model}/versions/{number}",
        "model": model,
        "project": project_of(model),
        "number": number,
        "digest": version.digest,
        "source": source_document(version.source),
        "artifact_digest": artifact_of(version.source),
        "parts": parts_of(version.source),
        "input": document_of(INPUT, version.input) if version.input else None,
        "class_labels": list(version.class_labels),
        "state": version.state.value,
        "principal": version.principal,
    }


def _model(row: Row[Any]) -> Model:
    return Model(
        name=row.name,
        create_time=row.create_time,
        latest_version=row.latest_version,
        latest_version_state=VersionState(row.latest_version_state) if row.latest_version_state else None,
        latest_ready_version=row.latest_ready_version,
    )


def _version(row: Row[Any]) -> ModelVersion:
    return ModelVersion(
        name=row.name,
        source=source_of(row.source),
        input=value_of(INPUT, row.input) if row.input else None,
        class_labels=tuple(row.class_labels),
        digest=row.digest,
        state=VersionState(row.state),
        create_time=row.create_time,
        check=value_of(CHECK, row.check_answer) if row.check_answer else None,
        check_time=row.check_time,
        reject_reason=row.reject_reason,
        reject_detail=row.reject_detail,
        principal=row.principal,
    )
