"""The out-of-distribution data set of an audit: what is refused, what it costs, and that it is kept."""

from dataclasses import replace

import pytest
from modicum_server.domain.models import Ensemble
from modicum_server.errors import DatasetNotFound, FieldInvalid, LabelUnknown, ResourceInUse
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.versions import NewVersion

from tests.usecases.usecases_stage import ADMIN, AUDITOR, CHECK, PROJECT, draft

FIELD = r"audit\.specification\.out_of_distribution_dataset"


@pytest.fixture
async def versions(place) -> tuple[str, ...]:
    """Two members and their ensemble."""
    members = [await place.register(model=name, weights=name.encode()) for name in ("one", "two")]
    await place.models.create(AUDITOR, PROJECT, "both", CreateOptions())
    new = NewVersion(source=Ensemble(tuple(one.name for one in members)), input=None, class_labels=())
    both = await place.versions.create(AUDITOR, f"{PROJECT}/models/both", new, CreateOptions())
    async with place.store.transaction() as transaction:
        await transaction.models.accept(both.name, CHECK)
    return (*(one.name for one in members), both.name)


async def dataset(place, name: str, *, count: int, labels=("cat", "dog")) -> str:
    digest = await place.manifest(count, labels)
    return (await place.datasets.create(AUDITOR, PROJECT, name, digest, CreateOptions())).name


@pytest.fixture
async def audit_draft(place, versions):
    audited, second = await dataset(place, "seen", count=3), await dataset(place, "unseen", count=5)
    whole = draft(versions=versions, dataset=audited)
    specification = replace(whole.specification, out_of_distribution_dataset=second)
    return replace(whole, specification=specification, no_controls=True)


def changed(audit_draft, **changes):
    return replace(audit_draft, specification=replace(audit_draft.specification, **changes))


async def test_it_costs_one_pass_per_image_and_version_and_counts_no_image(place, audit_draft):
    alone = await place.audit(changed(audit_draft, out_of_distribution_dataset=""), validate_only=True)
    audit = await place.audit(audit_draft)

    assert audit.progress.passes_planned == alone.progress.passes_planned + 3 * 5
    assert audit.progress.images_total == alone.progress.images_total
    assert audit.specification.out_of_distribution_dataset.endswith("/unseen")


async def test_it_is_not_deleted_while_an_audit_refers_to_it(place, audit_draft):
    await place.audit(audit_draft)

    with pytest.raises(ResourceInUse):
        await place.datasets.delete(ADMIN, audit_draft.specification.out_of_distribution_dataset)


@pytest.mark.long
async def test_a_missing_out_of_distribution_data_set_is_refused(place, audit_draft):
    with pytest.raises(DatasetNotFound):
        await place.audit(changed(audit_draft, out_of_distribution_dataset=f"{PROJECT}/datasets/gone"))


@pytest.mark.long
async def test_an_out_of_distribution_data_set_of_another_project_is_refused(place, audit_draft):
    with pytest.raises(FieldInvalid, match=FIELD):
        await place.audit(changed(audit_draft, out_of_distribution_dataset="projects/other/datasets/unseen"))


async def test_without_an_ensemble_and_all_of_its_members_it_is_refused(place, audit_draft, versions):
    one, _, both = versions

    for some in ((one,), (one, both)):
        with pytest.raises(FieldInvalid, match=FIELD + ".*an ensemble and all of its members"):
            await place.audit(changed(audit_draft, model_versions=some))


@pytest.mark.long
async def test_the_audited_images_under_another_name_are_refused(place, audit_draft):
    again = await dataset(place, "seen-again", count=3)

    for same in (audit_draft.specification.dataset, again):
        with pytest.raises(FieldInvalid, match=FIELD + ".*expected another data set"):
            await place.audit(changed(audit_draft, out_of_distribution_dataset=same))


@pytest.mark.long
async def test_an_out_of_distribution_data_set_without_labels_is_refused(place, audit_draft):
    bare = await dataset(place, "bare", count=4, labels=("",))

    with pytest.raises(FieldInvalid, match=FIELD + ".*labels"):
        await place.audit(changed(audit_draft, out_of_distribution_dataset=bare))


@pytest.mark.long
async def test_labels_outside_the_versions_classes_are_refused(place, audit_draft):
    cows = await dataset(place, "cows", count=4, labels=("cow",))

    with pytest.raises(LabelUnknown):
        await place.audit(changed(audit_draft, out_of_distribution_dataset=cows))
