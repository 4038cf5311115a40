"""Which images the marginal fill draws from; see docs/method.md, "Words"."""

from modicum_server.domain.audits import Audit, AuditItem, AuditSpecification
from modicum_server.domain.searches import Control, Fill, Search
from modicum_server.ports import Transaction
from modicum_server.usecases.draws import draw_sample
from modicum_server.worker.stored_work import dataset_in_use, erased_pictures

#: Most images of the pool.
POOL = 64


def donors_needed(specification: AuditSpecification, search: Search) -> bool:
    """Return whether the search or one of its controls fills with whole other images."""
    controls = {plan.control for plan in specification.controls}
    return search.fill is Fill.MARGINAL or bool(controls & {Control.FILL, Control.FILL_ROBUST})


def donor_indices(*, seed: int, manifest_digest: str, item_count: int) -> tuple[int, ...]:
    """Return up to POOL different indices of the data set, rising; the same for every shard of an audit."""
    # The prefix makes the draw differ from the audit's sample.
    return draw_sample(seed=seed, manifest_digest=f"donors:{manifest_digest}", item_count=item_count, sample=POOL)


async def donors_of(transaction: Transaction, audit: Audit) -> tuple[AuditItem, ...]:
    """Return the pool of an audit, without erased pictures. A donor's position is its index in the data set."""
    specification, erased = audit.specification, await erased_pictures(transaction, audit)
    dataset = await dataset_in_use(transaction, specification.dataset)
    indices = donor_indices(
        seed=specification.seed, manifest_digest=dataset.manifest_digest, item_count=dataset.item_count
    )
    items = await transaction.datasets.items_at(dataset.name, indices)
    return tuple(
        AuditItem(index, item.item, item.image_digest, None)
        for index, item in zip(indices, items, strict=True)
        if item.image_digest not in erased
    )
