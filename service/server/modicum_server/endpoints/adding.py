"""Makes an entry of the operator: finds the addresses of a host, and asks the endpoint what its model is."""

import asyncio
import ssl
from dataclasses import replace
from urllib.parse import urlsplit

import h11

from modicum_server.domain.endpoints import EndpointEntry
from modicum_server.endpoints.answers import UNREACHABLE, Busy, EndpointRefused, NotReady, classifier_tensors
from modicum_server.endpoints.calls import OpenEndpoint, Rate, connect
from modicum_server.endpoints.connection import access_to
from modicum_server.endpoints.entries_file import check_entry
from modicum_server.endpoints.targets import TLS_PORT, Target, refuse_open_credential, resolved, target_of
from modicum_server.model_server import TaskFailed

PATIENCE_SECONDS = 5.0
#: In HTTP and in gRPC.
WANTS_CREDENTIAL = frozenset({"401", "403", "UNAUTHENTICATED", "PERMISSION_DENIED"})
OTHER_SERVICE = "UNIMPLEMENTED"
#: What KServe's Python server answers over REST to an address with a version.
NOT_IMPLEMENTED = "501"
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
        opened = OpenEndpoint(placed, connection, rate, lambda: None, patience_seconds)
        await opened.require_ready()
        description = await opened.describe()
    finally:
        await connection.close()
    taken, given = classifier_tensors(description)
    return replace(placed, claim=description.claim, input_name=taken.name, output_name=given.name)


def advice(refused: EndpointRefused, asked: EndpointEntry) -> str:
    """Return what the operator can do about a refusal, to be put behind its text; or nothing."""
    if refused.status in KNOWS_NO_MODEL:
        return _without_model(target_of(asked.url))
    if refused.status == OTHER_SERVICE:
        return (
            f"; {target_of(asked.url).authority} serves gRPC without the Open Inference Protocol: correct host and port"
        )
    if refused.status == NOT_IMPLEMENTED and (version := target_of(asked.url).version):
        return f"; leave out /{version}: it seems not to know versions of a model"
    if refused.status not in WANTS_CREDENTIAL:
        return ""
    if asked.credential_file:
        return f"; it refused the token in {asked.credential_file}"
    return "; it requires a credential: give --credential-file"


def _without_model(target: Target) -> str:
    if not target.version:
        return f"; it seems to serve no model called {target.model}: give the name of one that it serves"
    return (
        f"; it seems to serve no version {target.version} of a model called {target.model}: give a name and a version "
        f"that it serves, or leave out /{target.version}"
    )


def unreachable_text(failed: TaskFailed, asked: EndpointEntry) -> str:
    """Return what was tried and what the operator can do, where nothing that fits answered; else the text of it."""
    busy = failed.__cause__
    if failed.task_reason != UNREACHABLE or not isinstance(busy, Busy) or isinstance(busy, NotReady):
        return str(failed)
    target, parts = target_of(asked.url), urlsplit(asked.url)
    tried = f"{parts.scheme}://{target.host}:{parts.port or TLS_PORT}"
    return f"nothing at {tried} could be used: {busy}. {_cure(busy.__cause__, parts.scheme, target.port)}"


def _cure(cause: BaseException | None, scheme: str, port: int) -> str:
    """What to do, by the error of the connection; gRPC does not tell errors apart."""
    open_scheme, tls_scheme = ("grpc", "grpcs") if scheme.startswith("grpc") else ("http", "https")
    other = "http or https" if scheme.startswith("grpc") else "grpc or grpcs"
    if isinstance(cause, ssl.SSLCertVerificationError):
        return "Its certificate is not trusted for this host: give --ca-file with the authority that signed it"
    if isinstance(cause, ssl.SSLError):
        return f"Port {port} does not answer in TLS: give {open_scheme}:// if the server does not encrypt there"
    if isinstance(cause, ConnectionRefusedError):
        return f"Nothing listens at port {port}: correct host and port, or start the server"
    if isinstance(cause, h11.RemoteProtocolError):
        return (
            f"Port {port} does not answer in HTTP: give the scheme {other} if it is a port of gRPC, or {tls_scheme} if "
            "it is encrypted"
        )
    swapped = open_scheme if scheme == tls_scheme else tls_scheme
    encrypted = "does not encrypt" if scheme == tls_scheme else "encrypts"
    return (
        f"Check that the server runs and has this host and port; give the scheme {other} if it is the port of the "
        f"other protocol, or {swapped} if it {encrypted}"
    )
