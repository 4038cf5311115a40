"""Where a request of HTTP comes from."""

from starlette.requests import Request


def address_of(request: Request) -> str:
    """Return the address of whoever opened the connection, a caller or a proxy; empty if it is not known."""
    return request.client.host if request.client else ""
