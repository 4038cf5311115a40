"""Pages with a form that need no session."""

from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from modicum_server.errors import ModicumError
from modicum_server.transports.errors import status_of_error
from modicum_server.transports.http.pages.cookies import secret_of, set_secret
from modicum_server.transports.http.pages.mistakes import Mistake
from modicum_server.transports.http.pages.visits import Visit
from modicum_server.usecases.sessions import new_secret


def public_page(visit: Visit, template: str, error: ModicumError | None = None, **shown: Any) -> Response:
    """Return a page that says the error. A browser without a secret gets one, because forms are sealed with it."""
    known = secret_of(visit.request)
    secret = known or new_secret()
    status = HTTPStatus.OK if error is None else status_of_error(type(error)).http_status
    problem = None if error is None else Mistake(str(error))
    response = visit.render(template, status=status, secret=secret, problem=problem, **shown)
    if not known:
        set_secret(visit.request, response, secret)
    return response
