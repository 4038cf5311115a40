"""Endpoints: models that other servers serve, as an operator named them and granted them to projects.

An entry holds no secret: it names the file of one. Nothing here connects to anything.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from modicum_server.domain.models import OutputKind

REQUESTS_PER_SECOND = 50.0
#: At 3 x 224 x 224 these are 2.3 MiB; many servers take messages of 4 MiB.
IMAGES_PER_REQUEST = 4
TIMEOUT_SECONDS = 20.0

#: Where a model's process listens for the worker, in its own temporary folder. Each message there follows its length.
RELAY_SOCKET = "endpoint"
RELAY_LENGTH_BYTES = 4


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or an output of a model: its name, its type and its shape, in which -1 is any size."""

    name: str
    datatype: str
    shape: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Description:
    """What an endpoint says of its model."""

    name: str
    versions: tuple[str, ...]
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]

    @property
    def claim(self) -> str:
        """SHA-256 of its canonical JSON. It stands for what the endpoint says, and for no weights."""
        text = json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class EndpointEntry:
    """One entry of the operator: target, addresses and credential belong together, and to some projects.

    `url` is SCHEME://HOST:PORT/MODEL or .../MODEL/VERSION. `addresses` are those of the host when the entry was made;
    no others are ever contacted. `projects` are ids. `claim` is that of the description. `credential_file` holds a
    bearer token, and `ca_file` the authorities (PEM) that are trusted in place of the system's. `output_kind` None: the
    check of a version finds out.
    """

    name: str
    url: str
    addresses: tuple[str, ...]
    projects: tuple[str, ...]
    claim: str
    input_name: str
    output_name: str
    output_kind: OutputKind | None = None
    credential_file: str = ""
    ca_file: str = ""
    requests_per_second: float = REQUESTS_PER_SECOND
    images_per_request: int = IMAGES_PER_REQUEST
    timeout_seconds: float = TIMEOUT_SECONDS


def granted(entries: Sequence[EndpointEntry], resource: str, name: str) -> EndpointEntry | None:
    """Return the entry with this name or whole address that a project may use.

    `resource` is the resource name of the project, or of anything in it: projects/ID/...
    """
    project = resource.split("/")[1]
    return next((one for one in entries if project in one.projects and name in {one.name, one.url}), None)
