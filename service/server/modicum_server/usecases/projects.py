"""Projects, which are the tenants."""

from datetime import UTC, datetime
from functools import partial

from modicum_server.domain.projects import Principal, Project, Role
from modicum_server.domain.trail import Verb
from modicum_server.errors import ProjectExists, ProjectNotFound, ResourceInUse
from modicum_server.ports import Store
from modicum_server.usecases.access import authorise
from modicum_server.usecases.pages import Page, PageRequest, read_page
from modicum_server.usecases.request_ids import CreateOptions, identify
from modicum_server.usecases.resource_names import DEFAULT_PROJECT, project_of
from modicum_server.usecases.rules import check
from modicum_server.usecases.trail import record


class Projects:
    """Creates, reads and deletes projects."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, principal: Principal, name: str) -> Project:
        """Get a project in which the principal has a role.

        Raises:
            FieldInvalid, ProjectNotFound
        """
        authorise(principal, project_of("project", name), Role.VIEWER)
        async with self._store.transaction() as transaction:
            project = await transaction.projects.get(name)
        if project is None:
            raise ProjectNotFound
        return project

    async def page(self, principal: Principal, request: PageRequest) -> Page[Project]:
        """List the projects for which the principal's token is valid, by name.

        A token that an admin of a project made is valid for that project alone, whatever other roles its principal has.

        Raises:
            FieldInvalid, PageTokenInvalid
        """
        async with self._store.transaction() as transaction:
            return await read_page(
                request, f"projects of {principal.name}", partial(transaction.projects.page, principal.roles.keys())
            )

    async def create(self, principal: Principal, project_id: str, options: CreateOptions) -> Project:
        """Create a project and make the principal its admin. The principal must be an admin of the default project.

        Raises:
            FieldInvalid, RoleInsufficient, ProjectExists, RequestIdReused
        """
        check("project_id", project_id)
        authorise(principal, DEFAULT_PROJECT, Role.ADMIN)
        name = f"projects/{project_id}"
        request = identify(DEFAULT_PROJECT, "CreateProject", options, {"project_id": project_id})
        async with self._store.transaction() as transaction:
            created = await request.recall(transaction)
            present = await transaction.projects.get(created or name)
            if created is not None:
                return _there(present)
            if present is not None:
                raise ProjectExists(f"{name}: a project with this name already exists; choose another `project_id`")
            if options.validate_only:
                return Project(name=name, create_time=datetime.now(UTC))
            project = await transaction.projects.create(name, admin=principal.name)
            if project is None:
                raise ProjectExists(f"{name}: a project with this name already exists; choose another `project_id`")
            await record(transaction, principal, Verb.CREATE_PROJECT, name)
            await request.remember(transaction, name)
            return project

    async def delete(self, principal: Principal, name: str) -> None:
        """Delete an empty project.

        Raises:
            FieldInvalid, ProjectNotFound, RoleInsufficient, ResourceInUse
        """
        authorise(principal, project_of("project", name), Role.ADMIN)
        if name == DEFAULT_PROJECT:
            raise ResourceInUse(f"{name} is the default project and cannot be deleted")
        async with self._store.transaction() as transaction:
            if await transaction.projects.get(name) is None:
                raise ProjectNotFound
            if not await transaction.projects.delete(name):
                raise ResourceInUse(
                    f"{name} is not empty; delete its verdicts, audits, data sets, models and artifacts first"
                )
            await record(transaction, principal, Verb.DELETE_PROJECT, name)


def _there(project: Project | None) -> Project:
    if project is None:
        raise ProjectNotFound("the project that this request created has been deleted since; use a new `request_id`")
    return project
