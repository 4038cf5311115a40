"""The counterfactual data set of an audit: what is refused, what it costs, and that it is kept."""

import json
from dataclasses import replace

import pytest
from modicum_server.errors import DatasetNotFound, FieldInvalid, ResourceInUse
from modicum_server.usecases.request_ids import CreateOptions

from tests.usecases.usecases_stage import ADMIN, AUDITOR, PROJECT, draft

FIELD = r"audit\.specification\.counterfactual_dataset"
ORIGINALS = {f"{place}.png": (f"original {place}", ("cat", "dog")[place % 2]) for place in range(4)}
CHANGED = {item: (f"changed {item}", "") for item in ORIGINALS}


async def dataset(place, name: str, items: dict[str, tuple[str, str]]) -> str:
    """A data set of items, each with the content of its picture and its label."""
    rows = [
        {"item": item, "image": await place.upload(picture.encode()), "label": label}
        for item, (picture, label) in items.items()
    ]
    digest = await place.upload("\n".join(json.dumps(row) for row in rows).encode())
    return (await place.datasets.create(AUDITOR, PROJECT, name, digest, CreateOptions())).name


@pytest.fixture
async def audit_draft(place):
    """An audit of two versions and four items, without a counterfactual data set."""
    versions = [(await place.register(model=name, weights=name.encode())).name for name in ("one", "two")]
    originals = await dataset(place, "photos", ORIGINALS)
    return draft(versions=tuple(versions), dataset=originals, no_controls=True)


async def beside(place, audit_draft, items, **changes):
    """The draft with a counterfactual data set of these items."""
    name = await dataset(place, "changed", items)
    return replace(
        audit_draft, specification=replace(audit_draft.specification, counterfactual_dataset=name, **changes)
    )


async def test_it_costs_one_pass_per_pair_and_version_and_counts_no_image(place, audit_draft):
    alone = await place.audit(audit_draft, validate_only=True)
    three = {item: CHANGED[item] for item in sorted(CHANGED)[:3]} | {"another.png": ("another", "")}

    audit = await place.audit(await beside(place, audit_draft, three))

    assert audit.progress.passes_planned == alone.progress.passes_planned + 2 * 3
    assert audit.progress.images_total == alone.progress.images_total
    assert audit.specification.counterfactual_dataset.endswith("/changed")


@pytest.mark.long
async def test_it_changes_the_keys_of_stored_results_only_where_there_is_one(place, audit_draft):
    alone = await place.audit(audit_draft, validate_only=True)

    audit = await place.audit(await beside(place, audit_draft, CHANGED), validate_only=True)

    assert audit.reuse_key != alone.reuse_key
    assert audit.specification.digest != alone.specification.digest


@pytest.mark.long
async def test_it_is_not_deleted_while_an_audit_refers_to_it(place, audit_draft):
    audit = await place.audit(await beside(place, audit_draft, CHANGED))

    with pytest.raises(ResourceInUse):
        await place.datasets.delete(ADMIN, audit.specification.counterfactual_dataset)


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("name", "error"),
    [(f"{PROJECT}/datasets/gone", DatasetNotFound), ("projects/other/datasets/changed", FieldInvalid)],
)
async def test_one_that_is_missing_or_of_another_project_is_refused(place, audit_draft, name, error):
    with pytest.raises(error):
        await place.audit(
            replace(audit_draft, specification=replace(audit_draft.specification, counterfactual_dataset=name))
        )


async def test_names_that_pair_with_nothing_are_refused_with_an_example_of_each_side(place, audit_draft):
    elsewhere = {f"folder/{item}": content for item, content in CHANGED.items()}

    with pytest.raises(FieldInvalid, match=FIELD + r".*no item of.*'0\.png', the first of 4 items.*'folder/0\.png'"):
        await place.audit(await beside(place, audit_draft, elsewhere))


@pytest.mark.long
async def test_partners_of_items_outside_the_sample_do_not_count(place, audit_draft):
    given = await beside(place, audit_draft, CHANGED, sample=2)

    without = replace(given, specification=replace(given.specification, counterfactual_dataset=""))

    alone, audit = [await place.audit(one, validate_only=True) for one in (without, given)]

    assert audit.progress.passes_planned == alone.progress.passes_planned + 2 * 2


@pytest.mark.long
async def test_the_audited_pictures_under_another_name_are_refused(place, audit_draft):
    with pytest.raises(FieldInvalid, match=FIELD + ".*no changed picture.*both pictures are the same"):
        await place.audit(await beside(place, audit_draft, ORIGINALS))


@pytest.mark.long
async def test_a_label_that_contradicts_is_refused_and_names_the_item(place, audit_draft):
    wrong = CHANGED | {"1.png": ("changed", "cat")}

    with pytest.raises(FieldInvalid, match=FIELD + r".*'dog' for '1\.png'.*got 'cat'"):
        await place.audit(await beside(place, audit_draft, wrong))


@pytest.mark.long
async def test_a_label_that_names_the_same_class_by_its_index_is_accepted(place, audit_draft):
    same = CHANGED | {"1.png": ("changed", "1"), "2.png": ("changed", "cat")}

    audit = await place.audit(await beside(place, audit_draft, same))

    assert audit.specification.counterfactual_dataset
