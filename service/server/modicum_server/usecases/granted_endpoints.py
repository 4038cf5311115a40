"""Which endpoints a project may use, as its server's operator decided."""

from modicum.sources.endpoint_addresses import address_refusal

from modicum_server.domain.endpoints import granted
from modicum_server.domain.models import Endpoint
from modicum_server.ports import EndpointEntries, EndpointUnknown
from modicum_server.usecases.rules import check, shown


async def granted_endpoint(entries: EndpointEntries, project: str, asked: Endpoint) -> Endpoint:
    """Return the endpoint that is asked for by the name or the whole address of an entry, as the entry describes it.

    Entries of other projects are not told apart from those that do not exist.

    Raises:
        FieldInvalid, EndpointUnknown, DependencyUnavailable
    """
    check("model_version.endpoint.name", asked.name, "endpoint")
    entry = granted(await entries.entries(), project, asked.name)
    if entry is None and (refusal := address_refusal(asked.name)):
        raise EndpointUnknown(refusal, endpoint=asked.name[:64])
    if entry is None:
        raise EndpointUnknown(
            f"{project} has no endpoint {shown(asked.name)}; the server's operator adds it with `modicum-server "
            f"endpoint add NAME ADDRESS --project {project.partition('/')[2]}`",
            endpoint=asked.name[:64],
        )
    return Endpoint(entry.name, entry.claim, entry.output_kind)
