"""What the Dockerfile says of the image that both images stand on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
DOCKERFILE = REPOSITORY / "Dockerfile"
ARGUMENT = re.compile(r"^ARG (?P<name>\w+)=(?P<value>.*)$", re.MULTILINE)
PINNED = re.compile(r"^(ARG DIGEST=).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Base:
    """The image after FROM: a release of Python on a release of Debian, and the digest (`@sha256:...`) or nothing."""

    python: str
    debian: str
    digest: str = ""

    @property
    def tag(self) -> str:
        """Its name without the digest."""
        return f"python:{self.python}-slim-{self.debian}"

    @property
    def arguments(self) -> Mapping[str, str]:
        """The arguments of the Dockerfile that name it."""
        return {"PYTHON": self.python, "DEBIAN": self.debian, "DIGEST": self.digest}


def base_of(text: str, given: Mapping[str, str]) -> Base:
    """Return the base that the text of a Dockerfile names, where `given` arguments go before its own.

    The digest belongs to the releases in the text, so other releases have none unless it is given.
    """
    own = {match["name"]: match["value"] for match in ARGUMENT.finditer(text.partition("\nFROM ")[0])}
    other = any(given.get(name, own[name]) != own[name] for name in ("PYTHON", "DEBIAN"))
    merged = {**own, **({"DIGEST": ""} if other else {}), **given}
    return Base(merged["PYTHON"], merged["DEBIAN"], merged["DIGEST"])


def pinned(text: str, digest: str) -> str:
    """Return the text of the Dockerfile with this digest (`sha256:...`) of its base."""
    return PINNED.sub(rf"\g<1>@{digest}", text, count=1)
