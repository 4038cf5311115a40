"""Registering versions that are made of versions: what the parts must share, and what is inherited from them.

A composite is as immutable as its parts. Its digest covers theirs, and no part can be deleted while it exists.
"""

from collections.abc import Sequence
from dataclasses import replace

from modicum_server.domain.models import (
    Endpoint,
    Ensemble,
    InputDropout,
    InputSpecification,
    ModelVersion,
    VersionState,
)
from modicum_server.errors import FieldInvalid, ModelRejected, ModelVersionNotFound
from modicum_server.ports import Transaction
from modicum_server.usecases.request_ids import canonical_digest
from modicum_server.usecases.resource_names import project_of
from modicum_server.usecases.rules import check

FIELD = "model_version"
Composite = Ensemble | InputDropout


def check_composite(source: Composite) -> None:
    """Refuse a composite whose numbers or names break their rules.

    Raises:
        FieldInvalid
    """
    if isinstance(source, InputDropout):
        project_of("model version", source.member, f"{FIELD}.input_dropout.member")
        check(f"{FIELD}.input_dropout.keep_probability", source.keep_probability)
        check(f"{FIELD}.input_dropout.samples", source.samples)
        check(f"{FIELD}.input_dropout.seed", source.seed)
        return
    check(f"{FIELD}.ensemble.members", source.members)
    for place, name in enumerate(source.members):
        field = f"{FIELD}.ensemble.members[{place}]"
        project_of("model version", name, field)
        if name in source.members[:place]:
            raise FieldInvalid(field, f"{name} is given twice; give each version once")


async def with_parts(transaction: Transaction, project: str, version: ModelVersion) -> ModelVersion:
    """Return the composite with what it inherits: the input and labels of its first part, where it has none.

    Raises:
        FieldInvalid: a part belongs to another project, is nested too deeply, or differs from the first in channels,
            bounds, number of classes or class labels.
        ModelVersionNotFound, ModelRejected: a part does not exist, or was refused.
    """
    fields = _part_fields(version.source)
    parts = [await _part(transaction, project, field, name) for field, name in fields]
    for (field, _), part in zip(fields, parts, strict=True):
        await _require_shallow(transaction, field, version, part)
    for (field, _), part in zip(fields, parts, strict=True):
        _require_alike(field, part, parts[0])
    whole = replace(
        version,
        input=version.input or parts[0].input,
        class_labels=version.class_labels or next((part.class_labels for part in parts if part.class_labels), ()),
    )
    _require_own_input(whole.input, parts[0].input)
    return replace(whole, digest=_digest(whole, parts))


def _part_fields(source: object) -> list[tuple[str, str]]:
    match source:
        case Ensemble(members=members):
            return [(f"{FIELD}.ensemble.members[{place}]", name) for place, name in enumerate(members)]
        case InputDropout(member=member):
            return [(f"{FIELD}.input_dropout.member", member)]
    raise AssertionError("only composites have parts")


async def _part(transaction: Transaction, project: str, field: str, name: str) -> ModelVersion:
    if project_of("model version", name, field) != project:
        raise FieldInvalid(field, f"expected a version of {project}, got {name}")
    part = await transaction.models.version(name)
    if part is None:
        raise ModelVersionNotFound(f"{name}: there is no model version with this name", name=name)
    if part.state is VersionState.REJECTED:
        raise ModelRejected(
            f"{name} was rejected: {part.reject_reason}: {part.reject_detail}",
            model_version=name,
            reject_reason=part.reject_reason,
        )
    if isinstance(part.source, Endpoint):
        raise FieldInvalid(field, f"{name} is an endpoint; an endpoint cannot be a part of another version")
    return part


async def _require_shallow(transaction: Transaction, field: str, whole: ModelVersion, part: ModelVersion) -> None:
    """Refuse nesting below an ensemble of wrappers or a wrapper around an ensemble: passes multiply at each level."""
    if type(part.source) is type(whole.source):
        raise FieldInvalid(field, f"{part.name} is of the same kind as this version; name its parts directly instead")
    if isinstance(part.source, (Ensemble, InputDropout)):
        for _, name in _part_fields(part.source):
            below = await transaction.models.version(name)
            if below is not None and isinstance(below.source, (Ensemble, InputDropout)):
                raise FieldInvalid(field, f"{part.name} is nested too deeply: its part {name} has parts itself")


def _require_alike(field: str, part: ModelVersion, first: ModelVersion) -> None:
    """Refuse parts whose outputs do not mean the same, because they are averaged."""
    for what, ours, others in (
        ("channels", _channels(part.input), _channels(first.input)),
        ("bounds", _bounds(part.input), _bounds(first.input)),
        ("number of classes", _class_count(part), _class_count(first)),
        ("class labels", part.class_labels or None, first.class_labels or None),
    ):
        if ours is not None and others is not None and ours != others:
            shown = "" if what == "class labels" else f"; got {others} and {ours}"
            raise FieldInvalid(
                field,
                f"{first.name} and {part.name} must have the same {what}, because their outputs are averaged{shown}",
            )


def _require_own_input(given: InputSpecification | None, first: InputSpecification | None) -> None:
    for what, ours, others in (
        ("channels", _channels(given), _channels(first)),
        ("bounds", _bounds(given), _bounds(first)),
    ):
        if ours != others:
            raise FieldInvalid(
                f"{FIELD}.input",
                f"expected {others}, the {what} of the parts; got {ours}; leave the input out to use theirs",
            )


def _channels(given: InputSpecification | None) -> int | None:
    return None if given is None else given.channels


def _bounds(given: InputSpecification | None) -> tuple[float, float] | None:
    return None if given is None else (given.lower_bound, given.upper_bound)


def _class_count(part: ModelVersion) -> int | None:
    return None if part.check is None else part.check.class_count


def _digest(version: ModelVersion, parts: Sequence[ModelVersion]) -> str:
    """Return the SHA-256 of the composite's settings and its parts' digests; names do not count."""
    source = {"kind": type(version.source).__name__, "of": version.source}
    of = {"source": source, "input": version.input, "class_labels": version.class_labels}
    return canonical_digest({**of, "parts": [part.digest for part in parts]})
