"""A model of a registry in place of a file: it is fetched before the audit, and promoted or not after the verdict."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

from modicum.cli.consoles import print_error
from modicum.cli.options import MODEL, option
from modicum.cli.subjects import SubjectOptions
from modicum.errors import InvalidArgument
from modicum.gate.verdict import Outcome, Verdict
from modicum.registries.candidate import Candidate, fetched
from modicum.registries.port import registry_of
from modicum.registries.records import record_of
from modicum.resource_names import suggested_id

Promote = Annotated[
    str | None,
    option(
        MODEL,
        "--promote",
        "ALIAS",
        "On PASS, move ALIAS in MLflow to the audited version. It is not moved if somebody changed ALIAS or the "
        "version there since the model was fetched.",
    ),
]


@contextmanager
def candidate_of(subject: SubjectOptions, *, promote: str | None = None) -> Iterator[Candidate | None]:
    """Fetch the model if the subject names one in a registry. Its file is removed at the end of the block.

    Raises:
        InvalidArgument: the model is named twice, or --promote comes without a registered model.
    """
    uri = subject.registered
    if uri is None:
        if promote is not None:
            raise InvalidArgument("--promote: expected a model of a registry before PHOTOS, such as models:/cats/3")
        yield None
        return
    given = [
        name for name in ("model", "weights", "exported", "torchscript", "endpoint") if getattr(subject.model, name)
    ]
    if given:
        raise InvalidArgument(f"{uri} and --{given[0]} both name a model; remove one of them")
    with tempfile.TemporaryDirectory(prefix="modicum-") as folder:
        yield fetched(registry_of(uri), uri, Path(folder), alias=promote)


def subject_with(candidate: Candidate | None, subject: SubjectOptions) -> SubjectOptions:
    """The subject with the candidate's file as its model, named after the registered model."""
    if candidate is None:
        return subject
    file: dict[str, Any] = {candidate.kind: candidate.path}
    model = replace(subject.model, **file)
    return replace(subject, model=model, name=subject.name or suggested_id(candidate.version.name))


def settle(candidate: Candidate, verdict: Verdict) -> None:
    """Keep the verdict in the registry, and promote the version if the verdict is PASS and an alias was given.

    Raises:
        RegistryError: the registry cannot be used, or the version or the alias changed meanwhile.
    """
    print_error(f"{candidate.uri}: the verdict is kept in {candidate.keep(record_of(candidate, verdict.as_json()))}")
    if candidate.alias is None:
        return
    if verdict.outcome is not Outcome.PASS:
        print_error(f"alias {candidate.alias} was not moved, because the verdict is {verdict.outcome}")
        return
    candidate.promote()
    print_error(f"alias {candidate.alias} points to version {candidate.version.version}")
