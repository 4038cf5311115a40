"""Models: names under which versions are registered."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

from modicum_server.domain.models import Model, ModelVerdict
from modicum_server.domain.projects import Principal, Role
from modicum_server.domain.trail import Verb
from modicum_server.errors import ModelNotFound, ResourceInUse
from modicum_server.ports import Store, Transaction
from modicum_server.usecases.access import authorise
from modicum_server.usecases.held_resources import refuse_holds
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.request_ids import CreateOptions, identify
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check
from modicum_server.usecases.trail import record


class Models:
    """Creates, reads and deletes models."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, principal: Principal, name: str) -> Model:
        """Get a model.

        Raises:
            FieldInvalid, ProjectNotFound, ModelNotFound
        """
        authorise(principal, project_of("model", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            return await _with_verdict(transaction, _there(await transaction.models.get(name), name))

    async def page(self, principal: Principal, parent: str, request: PageRequest) -> Page[Model]:
        """List the models of a project, by name.

        Raises:
            FieldInvalid, ProjectNotFound, PageTokenInvalid
        """
        authorise(principal, project_of("project", parent, "parent"), Role.VIEWER)
        async with self._store.transaction() as transaction:
            page = await read_page(request, f"models of {parent}", partial(transaction.models.page, parent))
            return Page(await _with_verdicts(transaction, parent, page.rows), page.next_token)

    async def create(self, principal: Principal, parent: str, model_id: str, options: CreateOptions) -> Model:
        """Create a model, or return the existing one of that name.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, RequestIdReused
        """
        project = project_of("project", parent, "parent")
        check("model_id", model_id, "resource_id")
        authorise(principal, project, Role.AUDITOR)
        name = f"{project}/models/{model_id}"
        request = identify(project, "CreateModel", options, {"model_id": model_id})
        async with self._store.transaction() as transaction:
            created = await request.recall(transaction)
            present = await transaction.models.get(name)
            if created is not None:
                return await _with_verdict(transaction, _there(present, name))
            if options.validate_only and present is None:
                return Model(name=name, create_time=datetime.now(UTC))
            if not options.validate_only:
                await request.remember(transaction, name)
            if present is not None:
                return await _with_verdict(transaction, present)
            return await create_model(transaction, principal, name)

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete a model with its versions.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ModelNotFound, ResourceHeld, ResourceInUse
        """
        project = project_of("model", name)
        authorise(principal, project, Role.ADMIN)
        async with self._store.transaction() as transaction:
            await transaction.erasures.take_turn(project)
            if await transaction.models.get(name) is None:
                raise model_not_found(name)
            refuse_holds(await transaction.holds.on_versions_of(name))
            refuse_in_use(name, await transaction.models.audits_of(name))
            await transaction.models.delete(name)
            await record(transaction, principal, Verb.DELETE_MODEL, name)


async def _with_verdict(transaction: Transaction, model: Model) -> Model:
    (judged,) = await _with_verdicts(transaction, project_of("model", model.name), [model])
    return judged


async def _with_verdicts(transaction: Transaction, project: str, models: Sequence[Model]) -> tuple[Model, ...]:
    """Return models of a project with their newest verdicts, which one statement reads."""
    verdicts = await transaction.overviews.newest_verdicts(project, [model.name for model in models])
    short = {
        name: ModelVerdict(one.name, one.audit, one.model_versions, one.outcome, one.create_time)
        for name, one in verdicts.items()
    }
    return tuple(replace(model, newest_verdict=short.get(model.name)) for model in models)


def _there(model: Model | None, name: str) -> Model:
    if model is None:
        raise model_not_found(name)
    return model


async def create_model(transaction: Transaction, principal: Principal, name: str) -> Model:
    """Create a model that does not exist."""
    await record(transaction, principal, Verb.CREATE_MODEL, name)
    return await transaction.models.create(name)


async def require_model(transaction: Transaction, name: str) -> Model:
    """Get a model.

    Raises:
        ModelNotFound
    """
    return _there(await transaction.models.get(name), name)


def model_not_found(name: str) -> ModelNotFound:
    """Return the error for a model that does not exist."""
    return ModelNotFound(f"{name}: there is no model with this name", name=name)


def refuse_in_use(name: str, users: list[str]) -> None:
    """Refuse to delete a resource that others refer to.

    Raises:
        ResourceInUse: names those that refer to it.
    """
    if users:
        raise ResourceInUse(f"{name} is still used by {', '.join(users)}; delete that first", used_by=", ".join(users))
