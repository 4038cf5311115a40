"""A registered version that is to be promoted: what was audited of it, and the comparison before its alias moves."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from modicum.errors import AliasMoved, NotFound, VersionChanged
from modicum.registries.model_choice import chosen_file
from modicum.registries.port import Record, RegisteredVersion, Registry
from modicum.sources.contents import file_content


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version whose model was fetched.

    Attributes:
        kind: of its file: weights or exported.
        file: its name in the registry; `path` is the copy here, `digest` the SHA-256 of its bytes.
        alias: what is to point to it, if anything.
        pointed: the version to which the alias pointed when the file was fetched.
    """

    registry: Registry
    uri: str
    version: RegisteredVersion
    kind: str
    file: str
    path: Path
    digest: str
    alias: str | None
    pointed: str | None

    def keep(self, record: Record) -> str:
        """Keep a record of the verdict in the registry. Returns the record's name there.

        Raises:
            RegistryError: the registry cannot be used.
        """
        return self.registry.keep(self.version, record)

    def promote(self) -> None:
        """Move the alias to the version, if nothing changed since it was fetched.

        A registry that offers no compare-and-set, as MLflow, leaves a moment between comparison and move. The alias is
        read once more after it.

        Raises:
            VersionChanged: the version's files are not those that were fetched.
            AliasMoved: the alias points elsewhere than it did.
            RegistryError: the registry cannot be used.
        """
        assert self.alias is not None
        self._expect_same_model()
        self._expect_alias(self.pointed)
        self.registry.move(self.version, self.alias)
        self._expect_alias(self.version.version)

    def _expect_same_model(self) -> None:
        try:
            same = self.registry.version(self.uri) == self.version
        except NotFound as error:
            raise VersionChanged(f"{self.uri}: the version was deleted; {AGAIN}") from error
        if not same:
            raise VersionChanged(
                f"{self.uri}: now points to another version, or its files changed since the audit; {AGAIN}"
            )
        with tempfile.TemporaryDirectory(prefix="modicum-") as folder:
            digest = file_content(self.registry.fetch(self.version, self.file, Path(folder))).digest
        if digest != self.digest:
            raise VersionChanged(
                f"{self.uri}: {self.file} has the SHA-256 {digest}, but {self.digest} was audited; {AGAIN}"
            )

    def _expect_alias(self, expected: str | None) -> None:
        assert self.alias is not None
        found = self.registry.alias(self.version, self.alias)
        if found != expected:
            raise AliasMoved(
                f"alias {self.alias} of {self.version.name}: expected {_version(expected)}, but it points to "
                f"{_version(found)} by now; {AGAIN}"
            )


AGAIN = "nothing was promoted; run the gate again"


def fetched(registry: Registry, uri: str, folder: Path, *, alias: str | None) -> Candidate:
    """Fetch the model of a version into a folder.

    Raises:
        InvalidArgument: the URI names no version.
        NotFound: there is no such version.
        ModelRejected: it has no file that can be audited.
        RegistryError: the registry cannot be used.
    """
    version = registry.version(uri)
    pointed = None if alias is None else registry.alias(version, alias)
    kind, file = chosen_file(uri, registry.files(version))
    path = registry.fetch(version, file, folder)
    return Candidate(
        registry=registry,
        uri=uri,
        version=version,
        kind=kind,
        file=file,
        path=path,
        digest=file_content(path).digest,
        alias=alias,
        pointed=pointed,
    )


def _version(version: str | None) -> str:
    return "no version" if version is None else f"version {version}"
