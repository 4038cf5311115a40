"""How an endpoint is reached: the addresses of its entry, its encryption and its credential."""

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modicum_server.domain.endpoints import Description, EndpointEntry
from modicum_server.endpoints.answers import Scores
from modicum_server.endpoints.targets import Target, target_of
from modicum_server.model_server import TaskFailed

LARGEST_ANSWER_BYTES = 64 * 1024 * 1024
LARGEST_SECRET_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Batch:
    """Images (N, C, H, W) as float32, little-endian, image by image."""

    shape: tuple[int, ...]
    values: bytes

    def part(self, start: int, count: int) -> "Batch":
        """Return some of the images."""
        size = len(self.values) // self.shape[0]
        return Batch((count, *self.shape[1:]), self.values[start * size : (start + count) * size])


class Connection(Protocol):
    """One protocol to one endpoint. A call is made once: retries and limits are `calls`."""

    async def require_ready(self) -> None:
        """See that the model is ready. An endpoint that does not know the question passes. Raises Busy, TaskFailed."""

    async def describe(self) -> Description:
        """Ask what the model is. Raises Busy, TaskFailed."""

    async def scores(self, batch: Batch) -> Scores:
        """Return the scores (N, K) of a batch. Raises Busy, TaskFailed."""

    async def close(self) -> None:
        """Close what is open."""


@dataclass(frozen=True, slots=True)
class Access:
    """What a connection needs of an entry. `credential` is never shown."""

    entry: EndpointEntry
    target: Target
    credential: str
    authorities: bytes | None

    def __repr__(self) -> str:
        return f"Access({self.entry.name})"

    @property
    def tls(self) -> ssl.SSLContext | None:
        """The encryption; None without."""
        if not self.target.tls:
            return None
        return ssl.create_default_context(cadata=None if self.authorities is None else self.authorities.decode())


def access_to(entry: EndpointEntry) -> Access:
    """Read the files of an entry.

    Raises:
        TaskFailed: ENDPOINT_UNREACHABLE: the worker cannot read one.
    """
    try:
        credential = _read(entry.credential_file).decode("ascii").strip()
        authorities = _read(entry.ca_file) or None
    except (OSError, UnicodeDecodeError) as error:
        # the message of the error has a path, which no caller may see
        raise TaskFailed(
            "ENDPOINT_UNREACHABLE",
            f"the worker cannot read the credential or the certificate authorities of endpoint {entry.name}. Ask the "
            "operator to check `modicum-server endpoint list`",
            model_at_fault=False,
        ) from error
    if entry.credential_file and not credential:
        raise TaskFailed(
            "ENDPOINT_UNREACHABLE",
            f"the file with the credential of endpoint {entry.name} is empty; write the token into it",
            model_at_fault=False,
        )
    if not credential.isprintable():
        raise TaskFailed(
            "ENDPOINT_UNREACHABLE", f"the credential of endpoint {entry.name} is not one line", model_at_fault=False
        )
    return Access(entry, target_of(entry.url), credential, authorities)


def _read(path: str) -> bytes:
    if not path:
        return b""
    with Path(path).open("rb") as file:
        return file.read(LARGEST_SECRET_BYTES)
