"""Answer keys: what an audit's answer depends on. Equal keys have equal answers, so a stored one can be reused."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from modicum_server.domain.audits import AuditSpecification
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.models import ModelVersion
from modicum_server.usecases.requests import canonical_digest

DTYPE = "float32"


def answer_key(
    specification: AuditSpecification, versions: Sequence[ModelVersion], dataset: Dataset, *, device: str
) -> str:
    """Return the SHA-256 of specification, digests, library version, dtype and device kind.

    `device` is what the workers are set to; it stands where the specification leaves the choice.
    """
    return canonical_digest(
        {
            "specification": specification.digest,
            "model_digests": [version.digest for version in versions],
            "manifest_digest": dataset.manifest_digest,
            "libraries": library_versions(),
            "dtype": DTYPE,
            "device": device if specification.device == "auto" else specification.device,
        }
    )


def library_versions() -> Mapping[str, str]:
    """Return the versions that answers depend on; an API without the library has the server's, which pins it."""
    try:
        return {"modicum-sis": version("modicum-sis")}
    except PackageNotFoundError:
        return {"modicum-server": version("modicum-server")}
