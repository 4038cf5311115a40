"""Mistakes in a form, in words for whoever filled it in: fields are called by their labels."""

from collections.abc import Awaitable, Mapping
from typing import Protocol

from starlette.responses import Response

from modicum_server.errors import FieldInvalid, ModicumError, PermissionDenied
from modicum_server.transports.errors import status_of_error
from modicum_server.transports.http.pages.visits import Show, Visit


class Told(Protocol):
    """A page that has a form and says what is wrong with what was sent."""

    def __call__(self, visit: Visit, *, problem: str) -> Awaitable[Response]:
        """Show the page with the problem above its form."""


def telling(act: Show, page: Told, labels: Mapping[str, str]) -> Show:
    """Return the action as one that shows its page again, with the message of `mistake`, where its form has one."""

    async def show(visit: Visit) -> Response:
        try:
            return await act(visit)
        except ModicumError as error:
            return await page(visit, problem=mistake(error, labels))

    return show


def mistake(error: ModicumError, labels: Mapping[str, str]) -> str:
    """Return the message of a mistake in a form. Any other error, such as a missing role, is raised again.

    `labels` are those of the fields, by the last part of their path in the API.
    """
    if isinstance(error, PermissionDenied) or not status_of_error(type(error)).public:
        raise error
    if not isinstance(error, FieldInvalid):
        return str(error)
    last = error.field.rpartition(".")[2].partition("[")[0]
    label = labels.get(last, error.field)
    return f"{label}: {str(error).removeprefix(f'{error.field}: ')}"
