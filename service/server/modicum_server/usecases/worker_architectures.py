"""What the workers that are there can build: what none can is refused before its weights are uploaded."""

from collections.abc import Sequence

from modicum_server.domain.buildable import Families, builds, install, unknown_family, unknown_name
from modicum_server.domain.models import Source, Weights
from modicum_server.errors import ArchitectureUnknown
from modicum_server.ports import ArchitectureUnavailable, Transaction


async def refuse_unbuildable(transaction: Transaction, source: Source) -> None:
    """Refuse an architecture that no worker can build. Without a worker that has looked, all are taken.

    Raises:
        ArchitectureUnknown, ArchitectureUnavailable
    """
    if isinstance(source, Weights):
        refuse_architecture(source.architecture, await transaction.workers.buildable())


def refuse_architecture(architecture: str, workers: Sequence[Families | None]) -> None:
    """Refuse an architecture that none of these workers can build, if there are any and all have looked.

    Raises:
        ArchitectureUnknown, ArchitectureUnavailable
    """
    if not workers or any(builds(families, architecture) for families in workers):
        return
    family, _, name = architecture.partition(":")
    here = [families[family] for families in workers if families is not None and family in families]
    known = {one for found in here if not found.lacks for one in found.names or ()}
    if known:
        raise ArchitectureUnknown(unknown_name(family, name, known), architecture=architecture)
    if lacking := next((found for found in here if found.lacks), None):
        raise ArchitectureUnavailable(
            f"{architecture} needs the package {lacking.lacks}, which no worker has now. "
            f"{install(lacking.extra)} where a worker runs, and start that worker again",
            architecture=architecture,
        )
    families = {one for found in workers if found is not None for one in found}
    raise ArchitectureUnknown(unknown_family(architecture, families), architecture=architecture)


async def no_worker_for(transaction: Transaction, source: Source) -> bool:
    """Return whether no worker is there that could load this."""
    workers = await transaction.workers.buildable()
    if isinstance(source, Weights):
        return not any(builds(families, source.architecture) for families in workers)
    return not workers
