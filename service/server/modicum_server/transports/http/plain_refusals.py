"""Refusals in plain text, of what is neither REST nor a page."""

from starlette.responses import PlainTextResponse

from modicum_server.errors import ModicumError
from modicum_server.transports.errors import status_of_error
from modicum_server.transports.http.rest.problems import advice_of


def plain_refusal(error: ModicumError) -> PlainTextResponse:
    """Return the response to a refused request."""
    status = status_of_error(type(error))
    advice = advice_of(status.http_status, status.retry_seconds)
    return PlainTextResponse(f"{error}\n", status.http_status, advice)
