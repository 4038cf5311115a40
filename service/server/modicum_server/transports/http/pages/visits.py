"""One visit of a page: who asks, for what, and how it is rendered."""

from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from modicum_server.domain.projects import NOWHERE, Origin, Principal, Role
from modicum_server.errors import ModicumError
from modicum_server.settings import Settings
from modicum_server.transports.http.pages.cookies import form_token, secret_of
from modicum_server.transports.http.pages.forms import EMPTY, TOKEN_FIELD, Form
from modicum_server.transports.http.pages.rendering import rendered
from modicum_server.transports.refusals import Refusal
from modicum_server.transports.use_cases import UseCases
from modicum_server.usecases.access import may

NOBODY = Principal(name="", roles={})


@dataclass(frozen=True, slots=True)
class Visit:
    """A request of a browser. Public pages are visited by NOBODY."""

    request: Request
    use_cases: UseCases
    settings: Settings
    principal: Principal = NOBODY
    form: Form = EMPTY
    origin: Origin = NOWHERE
    tell_refused: Callable[[ModicumError], None] = lambda _: None
    """Tells the trail of a refusal that a page answers itself."""

    @property
    def project(self) -> str:
        """The name of the project in the path; empty on pages of no project."""
        project_id = self.request.path_params.get("project")
        return f"projects/{project_id}" if project_id else ""

    def named(self, collection: str, parameter: str) -> str:
        """Return the name of a resource of the project whose id is in the path."""
        return f"{self.project}/{collection}/{self.request.path_params[parameter]}"

    def query(self, name: str) -> str:
        """Return a value of the query; empty without it."""
        return self.request.query_params.get(name, "")

    @property
    def may_audit(self) -> bool:
        """Whether the visitor may begin, stop and judge audits of the project. The use cases decide; this shows."""
        return may(self.principal, self.project, Role.AUDITOR)

    @property
    def administers(self) -> bool:
        """Whether the visitor may decide on members and tokens of the project, as above."""
        return may(self.principal, self.project, Role.ADMIN)

    def render(self, template: str, *, status: int = HTTPStatus.OK, secret: str = "", **shown: Any) -> Response:
        """Return a page. Its forms are sealed with the browser's secret, or with the one that it is about to get."""
        sealed = partial(_seal, secret or secret_of(self.request))
        context = {**self._template_context(), **shown}
        return HTMLResponse(rendered(template, visit=self, sealed=sealed, **context), status)

    def refused(self, refusal: Refusal) -> Response:
        """Return the page of an error, with the navigation of the project only where the visitor has a role in it."""
        return self.render(
            "error.html.j2",
            status=refusal.http_status,
            refusal=refusal,
            title=HTTPStatus(refusal.http_status).phrase,
            project=self.project if may(self.principal, self.project, Role.VIEWER) else "",
        )

    def _template_context(self) -> Mapping[str, Any]:
        return {
            "principal": self.principal,
            "project": self.project,
            "may_audit": self.may_audit,
            "administers": self.administers,
        }

    def redirect_to(self, path: str) -> Response:
        """Return the answer to a form that was served: the page to look at next."""
        return RedirectResponse(path, HTTPStatus.SEE_OTHER)


def _seal(secret: str) -> Markup:
    """Return the hidden field by which a form is known as ours."""
    return Markup('<input type="hidden" name="{}" value="{}">').format(TOKEN_FIELD, form_token(secret))


Show = Callable[[Visit], Coroutine[Any, Any, Response]]
