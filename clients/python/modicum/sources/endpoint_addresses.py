"""The form of the address of a model that is served elsewhere. Client and server refuse the same addresses."""

from modicum.resource_names import printable

SCHEMES = frozenset({"grpc", "grpcs", "http", "https"})
LONGEST_SHOWN = 64  # characters


def address_refusal(name: str) -> str:
    """What is wrong with the address of an endpoint, and what is expected; nothing for a whole one, or for a name.

    The names of endpoints have neither a colon nor a slash.
    """
    fault = _fault(name) if ":" in name or "/" in name else ""
    return fault and (
        f"endpoint {_quoted(name)}: {fault}; expected the name of an endpoint, or its whole address, such as "
        "grpc://HOST:PORT/MODEL, with grpc, grpcs, http or https"
    )


def _fault(address: str) -> str:
    """What an address lacks; nothing if it has all its parts."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return "the address has no scheme"
    if scheme not in SCHEMES:
        return f"the scheme {_quoted(scheme)} is not one of an endpoint"
    place, _, model = rest.partition("/")
    if not place:
        return "the address has no host"
    return "" if model.strip("/") else "the address has no model behind the port"


def _quoted(text: str) -> str:
    shown = printable(text[:LONGEST_SHOWN])
    return f"'{shown}...'" if len(text) > LONGEST_SHOWN else f"'{shown}'"
