"""ProjectService."""

from google.protobuf.empty_pb2 import Empty
from modicum.v1 import project_pb2, project_service_pb2

from modicum_server.codec.projects import project_message, retention_message, retention_value
from modicum_server.domain.projects import Principal, Project, Role
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.projects import Projects
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.retention import Retentions


class ProjectMethods:
    """The methods of ProjectService."""

    def __init__(self, projects: Projects, retentions: Retentions) -> None:
        self._projects = projects
        self._retentions = retentions

    async def get_project(
        self, principal: Principal, request: project_service_pb2.GetProjectRequest
    ) -> project_pb2.Project:
        """GetProject."""
        return _message(await self._projects.get(principal, request.name), principal)

    async def list_projects(
        self, principal: Principal, request: project_service_pb2.ListProjectsRequest
    ) -> project_service_pb2.ListProjectsResponse:
        """ListProjects."""
        page = await self._projects.page(principal, PageRequest(request.page_size, request.page_token))
        projects = [_message(project, principal) for project in page.rows]
        return project_service_pb2.ListProjectsResponse(projects=projects, next_page_token=page.next_token)

    async def create_project(
        self, principal: Principal, request: project_service_pb2.CreateProjectRequest
    ) -> project_pb2.Project:
        """CreateProject; the caller becomes its admin."""
        options = CreateOptions(request_id=request.request_id, validate_only=request.validate_only)
        project = await self._projects.create(principal, request.project_id, options)
        return project_message(project, Role.ADMIN)

    async def delete_project(self, principal: Principal, request: project_service_pb2.DeleteProjectRequest) -> Empty:
        """DeleteProject."""
        await self._projects.delete(principal, request.name)
        return Empty()

    async def get_retention(
        self, principal: Principal, request: project_service_pb2.GetRetentionRequest
    ) -> project_pb2.Retention:
        """GetRetention."""
        return retention_message(await self._retentions.get(principal, request.parent))

    async def set_retention(
        self, principal: Principal, request: project_service_pb2.SetRetentionRequest
    ) -> project_pb2.Retention:
        """SetRetention."""
        asked = retention_value(request.retention) if request.HasField("retention") else None
        return retention_message(await self._retentions.set(principal, request.parent, asked))


def _message(project: Project, principal: Principal) -> project_pb2.Project:
    return project_message(project, principal.roles.get(project.name))
