"""The query of a request, as pairs of name and value."""

from urllib.parse import parse_qsl

from starlette.requests import Request

from modicum_server.errors import FieldInvalid

MOST_PARAMETERS = 200


def query_of(request: Request) -> list[tuple[str, str]]:
    """Return the names and values of a query, in order.

    Raises:
        FieldInvalid: the query is not UTF-8, or has too many pairs.
    """
    raw = request.scope["query_string"].decode("latin-1")
    try:
        return parse_qsl(raw, keep_blank_values=True, errors="strict", max_num_fields=MOST_PARAMETERS)
    except ValueError:
        rule = f"the query cannot be read; expected at most {MOST_PARAMETERS} parameters, percent-encoded as UTF-8"
        raise FieldInvalid("query", rule) from None
