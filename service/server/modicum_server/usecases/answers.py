"""Answer keys: what an audit's answer depends on. Equal keys have equal answers, so a stored one can be reused."""

from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version

from modicum_server.domain.audits import Audit, AuditSpecification
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.models import ModelVersion
from modicum_server.ports import Transaction
from modicum_server.settings import Settings
from modicum_server.usecases.requests import canonical_digest

DTYPE = "float32"
AUTO = "auto"


def answer_key(
    specification: AuditSpecification,
    versions: Sequence[ModelVersion],
    dataset: Dataset,
    settings: Settings,
    *,
    second: Dataset | None = None,
) -> str:
    """Return the SHA-256 of specification, digests, library version, dtype, device kind and the limit on image files.

    `second` is the out-of-distribution data set, where there is one.

    The settings' device is what the workers are set to; it stands where the specification leaves the choice. Where
    both leave it, the key says "auto", and `stored_answer` looks at what the workers chose.
    """
    return canonical_digest(
        {
            "specification": specification.digest,
            "model_digests": [version.digest for version in versions],
            "manifest_digest": dataset.manifest_digest,
            "second_manifest_digest": "" if second is None else second.manifest_digest,
            "libraries": library_versions(),
            "dtype": DTYPE,
            "device": settings.device if specification.device == AUTO else specification.device,
            "max_image_pixels": settings.max_image_pixels,
        }
    )


async def stored_answer(transaction: Transaction, project: str, audit: Audit) -> Audit | None:
    """Return the audit whose answer is this one's too, held against deletion; None when it has to run.

    Where the device is the workers' choice, the answer must be of the device that they chose last.
    """
    answered = await transaction.audits.answered(project, audit.answer_key)
    if answered is None or audit.specification.device != AUTO:
        return answered
    chosen = (await transaction.audits.parameters(answered.name)).get("device")
    return answered if chosen == await transaction.audits.newest_device() else None


def library_versions() -> Mapping[str, str]:
    """Return the versions that answers depend on; an API without the library has the server's, which pins it."""
    try:
        return {"modicum-sis": version("modicum-sis")}
    except PackageNotFoundError:
        return {"modicum-server": version("modicum-server")}
