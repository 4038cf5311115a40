"""Makes an entry of the operator: finds the addresses of a host, and asks the endpoint what its model is."""

import asyncio
from dataclasses import replace

from modicum_server.domain.endpoints import EndpointEntry
from modicum_server.endpoints.answers import EndpointRefused, classifier_tensors
from modicum_server.endpoints.calls import OpenEndpoint, Rate, connect
from modicum_server.endpoints.connection import access_to
from modicum_server.endpoints.entries_file import check_entry
from modicum_server.endpoints.targets import refuse_open_credential, resolved, target_of

PATIENCE_SECONDS = 5.0
#: In HTTP and in gRPC.
WANTS_CREDENTIAL = frozenset({"401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED"})
KNOWS_NO_MODEL = frozenset({"404", "NOT_FOUND"})


async def entry_of(asked: EndpointEntry, *, patience_seconds: float = PATIENCE_SECONDS) -> EndpointEntry:
    """Return the entry with the addresses, the claim and the tensors that are found now.

    Raises:
        TargetRefused: the address is not valid, or must not be contacted.
        TaskFailed: the endpoint does not answer, or serves no image classifier.
    """
    target = target_of(asked.url)
    addresses = asked.addresses or await resolved(target)
    refuse_open_credential(target, addresses, asked.credential_file)
    placed = replace(asked, addresses=addresses)
    check_entry(placed)
    connection = connect(await asyncio.to_thread(access_to, placed))
    try:
        rate = Rate(placed.requests_per_second)
        description = await OpenEndpoint(placed, connection, rate, lambda: None, patience_seconds).describe()
    finally:
        await connection.close()
    taken, given = classifier_tensors(description)
    return replace(placed, claim=description.claim, input_name=taken.name, output_name=given.name)


def advice(refused: EndpointRefused, asked: EndpointEntry) -> str:
    """Return what the operator can do about a refusal, to be put behind its text; or nothing."""
    if refused.status in KNOWS_NO_MODEL:
        return f"; give the name of a model that it serves: it seems to have none called {target_of(asked.url).model}"
    if refused.status not in WANTS_CREDENTIAL:
        return ""
    if asked.credential_file:
        return f"; it refused the token in {asked.credential_file}"
    return "; it requires a credential: give --credential-file"
