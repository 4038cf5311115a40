"""What the gate needs of a registry. Names no registry but in the table of schemes, and holds no rule of promotion."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from modicum.errors import InvalidArgument

MLFLOW = "models:/"


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """A version in a registry, as it was when it was read. `source` is where its files lie, for a comparison later."""

    name: str
    version: str
    source: str


@dataclass(frozen=True, slots=True)
class Record:
    """What a registry keeps of a verdict: tags of the version, figures, and documents by file name."""

    title: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    documents: Mapping[str, bytes]


class Registry(Protocol):
    """A registry of models. Every method raises RegistryError where the registry cannot be used."""

    def version(self, uri: str) -> RegisteredVersion:
        """Read a version.

        Raises:
            InvalidArgument: the URI names no version.
            NotFound: there is no such version.
        """

    def files(self, version: RegisteredVersion) -> tuple[str, ...]:
        """The names of its files, with `/` between folders."""

    def fetch(self, version: RegisteredVersion, file: str, folder: Path) -> Path:
        """Copy one of its files into a folder. The file is not loaded."""

    def alias(self, version: RegisteredVersion, alias: str) -> str | None:
        """The version of this model to which an alias points; None if it points to none."""

    def move(self, version: RegisteredVersion, alias: str) -> None:
        """Let an alias of its model point to this version."""

    def keep(self, version: RegisteredVersion, record: Record) -> str:
        """Keep a record of the version. Returns its name in the registry."""


def is_registered(name: str) -> bool:
    """Whether a name is that of a model in a registry, and not of a file."""
    return name.startswith(MLFLOW)


def registry_of(uri: str) -> Registry:
    """The registry that a URI names by its scheme.

    Raises:
        InvalidArgument: its library is not installed.
    """
    assert is_registered(uri)
    try:
        from modicum.registries.mlflow import MlflowRegistry  # noqa: PLC0415  # an extra, and slow to import
    except ModuleNotFoundError as error:
        raise InvalidArgument(
            f"{uri}: a model in MLflow needs the extra `mlflow`: run pip install 'modicum[mlflow]'",
            reason="MLFLOW_NOT_INSTALLED",
        ) from error
    return MlflowRegistry()
