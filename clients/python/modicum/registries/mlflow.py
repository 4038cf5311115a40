"""Models in MLflow, through its own client. MLFLOW_TRACKING_URI and MLFLOW_REGISTRY_URI say where it is."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlflow import MlflowClient, artifacts
from mlflow.exceptions import MlflowException

from modicum.errors import InvalidArgument, ModicumError, NotFound, RegistryError
from modicum.registries.port import Record, RegisteredVersion

URI = re.compile(r"models:/(?P<name>[^/@]+)(?:/(?P<version>[0-9]+)|@(?P<alias>[^/@]+))")
DEFAULT_EXPERIMENT = "0"
ABSENT = "RESOURCE_DOES_NOT_EXIST"


class MlflowRegistry:
    """A registry in MLflow. A record is a run of its own, in the experiment of the run that made the version."""

    def __init__(self) -> None:
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")  # it would appear with --quiet too
        with _errors():
            self._client = MlflowClient()

    def version(self, uri: str) -> RegisteredVersion:
        """Read the version that `models:/NAME/VERSION` or `models:/NAME@ALIAS` names."""
        found = URI.fullmatch(uri)
        if found is None:
            raise InvalidArgument(f"{uri}: expected models:/NAME/VERSION or models:/NAME@ALIAS, such as models:/cats/3")
        name, number = found["name"], found["version"]
        with _errors(absent=NotFound):
            if number is None:
                number = self._aliases(name).get(found["alias"])
            if number is None:
                raise NotFound(f"{uri}: the model {name} has no alias {found['alias']}")
            stored = self._client.get_model_version(name, number)
        return RegisteredVersion(stored.name, str(stored.version), str(stored.source))

    def files(self, version: RegisteredVersion) -> tuple[str, ...]:
        """The names of its files, folder by folder."""
        with _errors():
            return tuple(sorted(_files(_uri(version))))

    def fetch(self, version: RegisteredVersion, file: str, folder: Path) -> Path:
        """Download one of its files."""
        with _errors():
            return Path(artifacts.download_artifacts(artifact_uri=f"{_uri(version)}/{file}", dst_path=str(folder)))

    def alias(self, version: RegisteredVersion, alias: str) -> str | None:
        """The version to which an alias points."""
        with _errors():
            return self._aliases(version.name).get(alias)

    def move(self, version: RegisteredVersion, alias: str) -> None:
        """Let an alias point to this version. MLflow itself compares nothing before it."""
        with _errors():
            self._client.set_registered_model_alias(version.name, alias, version.version)

    def keep(self, version: RegisteredVersion, record: Record) -> str:
        """Log a run with the figures and documents, and tag the version."""
        with _errors():
            run: str = self._client.create_run(self._experiment(version), run_name=record.title).info.run_id
            for name, value in record.metrics.items():
                self._client.log_metric(run, name, value)
            for name, document in record.documents.items():
                self._client.log_text(run, document.decode(), name)
            for name, text in record.tags.items():
                self._client.set_tag(run, name, text)
            self._client.set_terminated(run)
            for name, text in {**record.tags, "modicum.run": run}.items():
                self._client.set_model_version_tag(version.name, version.version, name, text)
        return f"run {run}"

    def _aliases(self, name: str) -> dict[str, str]:
        return {alias: str(number) for alias, number in self._client.get_registered_model(name).aliases.items()}

    def _experiment(self, version: RegisteredVersion) -> str:
        """The experiment of the run that made a version; the default one if that run is gone."""
        run = self._client.get_model_version(version.name, version.version).run_id
        try:
            return str(self._client.get_run(run).info.experiment_id) if run else DEFAULT_EXPERIMENT
        except MlflowException as error:
            if error.error_code != ABSENT:
                raise
            return DEFAULT_EXPERIMENT


def _uri(version: RegisteredVersion) -> str:
    return f"models:/{version.name}/{version.version}"


def _files(uri: str, folder: str = "") -> Iterator[str]:
    for each in artifacts.list_artifacts(artifact_uri=f"{uri}/{folder}" if folder else uri):
        path = f"{folder}/{Path(each.path).name}" if folder else each.path
        if each.is_dir:
            yield from _files(uri, path)
        else:
            yield path


@contextmanager
def _errors(*, absent: type[ModicumError] = RegistryError) -> Iterator[None]:
    """Raise MLflow's errors as ours, with its own words: they are about the user's own registry.

    Args:
        absent: raised where something does not exist.
    """
    try:
        yield
    except MlflowException as error:
        kind = absent if error.error_code == ABSENT else RegistryError
        raise kind(f"MLflow: {error.message}") from error
    except OSError as error:
        raise RegistryError(f"MLflow: {error}") from error
