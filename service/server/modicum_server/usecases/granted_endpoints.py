"""Which endpoints a project may use, as its server's operator decided."""

from modicum_server.domain.endpoints import granted
from modicum_server.domain.models import Endpoint
from modicum_server.ports import EndpointEntries, EndpointUnknown
from modicum_server.usecases.rules import check, shown

SCHEMES = frozenset({"grpc", "grpcs", "http", "https"})


async def granted_endpoint(entries: EndpointEntries, project: str, asked: Endpoint) -> Endpoint:
    """Return the endpoint that is asked for by the name or the whole address of an entry, as the entry describes it.

    Entries of other projects are not told apart from those that do not exist.

    Raises:
        FieldInvalid, EndpointUnknown, DependencyUnavailable
    """
    check("model_version.endpoint.name", asked.name, "endpoint")
    entry = granted(await entries.entries(), project, asked.name)
    if entry is None and _looks_like_address(asked.name) and (wrong := _address_fault(asked.name)):
        raise EndpointUnknown(
            f"endpoint {shown(asked.name)}: {wrong}; expected the name of an endpoint, or its whole address, such as "
            "grpc://HOST:PORT/MODEL, with grpc, grpcs, http or https",
            endpoint=asked.name[:64],
        )
    if entry is None:
        raise EndpointUnknown(
            f"{project} has no endpoint {shown(asked.name)}; the server's operator adds it with `modicum-server "
            f"endpoint add NAME ADDRESS --project {project.partition('/')[2]}`",
            endpoint=asked.name[:64],
        )
    return Endpoint(entry.name, entry.claim, entry.output_kind)


def _looks_like_address(name: str) -> bool:
    """Whether a name is meant as an address; the names of entries have neither a colon nor a slash."""
    return ":" in name or "/" in name


def _address_fault(address: str) -> str:
    """What an address lacks; nothing if it has all its parts."""
    scheme, separator, rest = address.partition("://")
    if not separator:
        return "the address has no scheme"
    if scheme not in SCHEMES:
        return f"the scheme {shown(scheme)} is not one of an endpoint"
    place, _, model = rest.partition("/")
    if not place:
        return "the address has no host"
    return "" if model.strip("/") else "the address has no model behind the port"
