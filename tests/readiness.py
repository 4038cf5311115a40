"""What a running service says of its readiness, also while it is not ready."""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus

SECONDS = 60.0


@dataclass(frozen=True)
class Readiness:
    """The status and the text of one answer. It is true where the service is ready."""

    status: int
    text: str

    def __bool__(self) -> bool:
        return self.status == HTTPStatus.OK

    @property
    def states(self) -> dict[str, bool]:
        """Of each dependency, whether it can be used."""
        states: dict[str, bool] = json.loads(self.text)
        return states


def readiness(http_url: str) -> Readiness:
    """Ask a service at http://host:port. One that does not answer at all raises `OSError`."""
    try:
        with urllib.request.urlopen(f"{http_url}/readyz", timeout=SECONDS) as response:
            return Readiness(response.status, response.read().decode())
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Readiness(refusal.code, refusal.read().decode())
