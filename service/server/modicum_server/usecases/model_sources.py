"""Sources of versions: which kinds are served, and what each needs."""

from modicum.sources.architectures import is_architecture
from modicum.sources.configurations import ConfigurationRefused, read_configuration

from modicum_server.domain.models import (
    Endpoint,
    Ensemble,
    Executable,
    InputDropout,
    InputSpecification,
    Source,
    Weights,
)
from modicum_server.errors import ArchitectureUnknown, ArtifactMissing, ExecutableNotAllowed, FieldInvalid
from modicum_server.ports import Transaction
from modicum_server.usecases.composites import check_composite
from modicum_server.usecases.input_specifications import check_input
from modicum_server.usecases.rules import check, shown

FIELD = "model_version"
CONFIGURED = frozenset({"timm", "transformers"})
"""Families that build from a configuration beside the name."""
NO_PROGRAMS = (
    "this server accepts no programs (MODICUM_ALLOW_EXECUTABLES is false). A program is code. If you trust it, start "
    "the server, or let its operator start it, with MODICUM_ALLOW_EXECUTABLES=1 (a local server that already runs must "
    "be stopped first). An export to ONNX (--weights model.onnx) needs no permission"
)


def check_source(source: Source | None, input_specification: InputSpecification | None, *, executables: bool) -> None:
    """Refuse a source that is not served, or not described well enough to be loaded.

    Raises:
        FieldInvalid, ArchitectureUnknown, ExecutableNotAllowed
    """
    match source:
        case None:
            raise FieldInvalid(
                f"{FIELD}.source",
                "none of `weights`, `exported`, `torchscript`, `ensemble`, `input_dropout` and `endpoint` is set; "
                "set one of them",
            )
        case Ensemble() | InputDropout():
            check_composite(source)
            if input_specification is None:
                return
        case Weights():
            check(f"{FIELD}.weights.digest", source.digest)
            _check_architecture(source.architecture)
            _check_configuration(source)
        case Endpoint():
            pass  # `granted_endpoints` has looked at its name
        case _:
            check(f"{FIELD}.{source.kind}.digest", source.digest)
            if not executables:
                raise ExecutableNotAllowed(NO_PROGRAMS)
    if input_specification is None:
        raise FieldInvalid(f"{FIELD}.input", "the version needs an input specification")
    check_input(f"{FIELD}.input", input_specification)


def _check_architecture(name: str) -> None:
    """Check the form only. Which names a family has, workers say: `worker_architectures`."""
    if not is_architecture(name):
        raise ArchitectureUnknown(
            f"expected FAMILY:NAME, e.g. torchvision:resnet18, timm:NAME, transformers:TYPE or modicum:small_cnn, got "
            f"{shown(name)}",
            architecture=name[:64],
        )


def _check_configuration(source: Weights) -> None:
    field = f"{FIELD}.weights.configuration"
    family = source.architecture.partition(":")[0]
    if source.configuration and family not in CONFIGURED:
        raise FieldInvalid(
            field,
            f"{family}:NAME takes no configuration, because the name describes the whole architecture; got "
            f"{shown(source.configuration)}",
        )
    if not source.configuration and family == "transformers":
        raise FieldInvalid(field, "the configuration is missing; give the model's config.json without its class names")
    try:
        read_configuration(source.configuration)
    except ConfigurationRefused as error:
        raise FieldInvalid(field, str(error)) from error


async def require_source_artifact(transaction: Transaction, project: str, source: Source) -> None:
    """Refuse a source whose bytes the project does not hold.

    Raises:
        ArtifactMissing
    """
    if isinstance(source, (Weights, Executable)):
        await require_artifact(transaction, project, source.digest)


async def require_artifact(transaction: Transaction, project: str, digest: str) -> None:
    """Refuse a digest that the project does not hold, and lock one that it holds until the transaction ends.

    Raises:
        ArtifactMissing
    """
    if not await transaction.artifacts.held(project, [digest]):
        raise ArtifactMissing(f"{project} does not hold the artifact {digest}; upload it first", digest=digest)
