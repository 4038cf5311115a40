"""Ensembles and input dropout as versions: conditions on their parts, and what they inherit from them."""

import asyncio
from dataclasses import replace

import pytest
from modicum_server.domain.models import Combine, Ensemble, InputDropout, VersionState
from modicum_server.errors import FieldInvalid, ModelRejected, ModelVersionNotFound, ResourceInUse
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.versions import NewVersion

from tests.usecases.usecases_stage import ADMIN, AUDITOR, CHECK, INPUT, PROJECT, draft

BOTH = f"{PROJECT}/models/both"


@pytest.fixture
async def members(place) -> tuple[str, str]:
    first = await place.register()
    second = await place.register(weights=b"other")
    await place.models.create(AUDITOR, PROJECT, "both", CreateOptions())
    return first.name, second.name


async def registered(place, source, *, given=None, labels=()):
    return await place.versions.create(AUDITOR, BOTH, NewVersion(source, given, labels), CreateOptions())


async def test_an_ensemble_takes_over_the_input_and_the_labels_of_its_members(place, members):
    version = await registered(place, Ensemble(members, Combine.MEAN_PROBABILITIES))

    assert (version.state, version.input, version.class_labels) == (VersionState.PENDING, INPUT, ("cat", "dog"))
    assert version.source == Ensemble(members, Combine.MEAN_PROBABILITIES)


@pytest.mark.long
async def test_other_members_or_another_average_make_another_version(place, members):
    versions = [
        await registered(place, Ensemble(members)),
        await registered(place, Ensemble(members, Combine.MEAN_PROBABILITIES)),
        await registered(place, Ensemble(members[::-1])),
        await registered(place, InputDropout(members[0], 0.8, 4, 0)),
        await registered(place, InputDropout(members[0], 0.8, 4, 1)),
    ]
    again = await registered(place, Ensemble(members))

    assert len({version.digest for version in versions}) == 5
    assert again.name == versions[0].name


async def test_the_digest_covers_what_the_parts_are_and_not_their_names(place, members):
    before = await registered(place, Ensemble(members))
    await place.versions.delete(ADMIN, before.name)
    await place.models.delete(ADMIN, f"{PROJECT}/models/net")
    again = [await place.register(weights=data) for data in (b"new", b"newer")]

    assert tuple(part.name for part in again) == members
    assert (await registered(place, Ensemble(members))).digest != before.digest


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("source", "field"),
    [
        (lambda one, two: Ensemble((one,)), "ensemble.members"),
        (lambda one, two: Ensemble((one, two, one)), r"ensemble.members\[2\]"),
        (lambda one, two: Ensemble((one, "net")), r"ensemble.members\[1\]"),
        (lambda one, two: Ensemble((one, two.replace("default", "other"))), r"ensemble.members\[1\]"),
        (lambda one, two: InputDropout(one, 0.0, 4, 0), "keep_probability"),
        (lambda one, two: InputDropout(one, float("nan"), 4, 0), "keep_probability"),
        (lambda one, two: InputDropout(one, 0.8, 0, 0), "samples"),
        (lambda one, two: InputDropout(one, 0.8, 257, 0), "samples"),
        (lambda one, two: InputDropout(one, 0.8, 4, -1), "seed"),
        (lambda one, two: InputDropout("", 0.8, 4, 0), "input_dropout.member"),
    ],
)
async def test_an_impossible_composite_is_refused_by_its_field(place, members, source, field):
    with pytest.raises(FieldInvalid, match=field):
        await registered(place, source(*members))


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "changes",
    [
        {"class_labels": ("dog", "cat")},
        {"input": replace(INPUT, upper_bound=2.0)},
        {"input": replace(INPUT, channels=1, mean=(0.5,), std=(0.5,))},
        {"check": replace(CHECK, class_count=3), "class_labels": ()},
    ],
    ids=["other labels", "other bounds", "other channels", "other class count"],
)
async def test_members_with_different_classes_are_refused(place, members, changes):
    other = await place.register(weights=b"third", **changes)

    with pytest.raises(FieldInvalid, match=r"members\[1\].*because their outputs are averaged"):
        await registered(place, Ensemble((members[0], other.name)))


async def test_an_input_of_other_bounds_than_the_parts_is_refused(place, members):
    with pytest.raises(FieldInvalid, match="bounds of the parts"):
        await registered(place, Ensemble(members), given=replace(INPUT, upper_bound=2.0))


async def test_a_part_that_is_not_there_or_was_refused_is_named(place, members):
    refused = await place.register(weights=b"third", check=None)
    async with place.store.transaction() as transaction:
        await transaction.models.reject(refused.name, reason="STATE_DICT_MISMATCH", detail="no such key")

    with pytest.raises(ModelVersionNotFound, match="versions/99"):
        await registered(place, Ensemble((members[0], members[0].replace("versions/1", "versions/99"))))
    with pytest.raises(ModelRejected, match="no such key"):
        await registered(place, Ensemble((members[0], refused.name)))


async def test_composites_are_nested_once_and_no_kind_in_itself(place, members):
    both = (await registered(place, Ensemble(members))).name
    wrapped = (await registered(place, InputDropout(members[0], 0.8, 4, 0))).name
    wrapped_both = (await registered(place, InputDropout(both, 0.8, 4, 0))).name
    await registered(place, Ensemble((wrapped, members[1])))

    for too_deep in (
        Ensemble((both, members[0])),
        InputDropout(wrapped, 0.8, 4, 0),
        Ensemble((wrapped_both, members[0])),
    ):
        with pytest.raises(FieldInvalid, match=r"is of the same kind as this version|is nested too deeply"):
            await registered(place, too_deep)


async def test_a_part_stays_as_long_as_the_composite(place, members):
    both = await registered(place, Ensemble(members))

    with pytest.raises(ResourceInUse, match="models/both/versions/1"):
        await place.versions.delete(ADMIN, members[0])
    await place.versions.delete(ADMIN, both.name)
    await place.versions.delete(ADMIN, members[0])


@pytest.mark.long
async def test_of_a_deletion_and_a_registration_at_once_one_is_refused(place, members):
    outcomes = await asyncio.gather(
        registered(place, Ensemble(members)),
        place.versions.delete(ADMIN, members[1]),
        return_exceptions=True,
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, (ResourceInUse, ModelVersionNotFound))]
    assert len(refused) == 1, outcomes


async def test_an_ensemble_is_audited_like_any_other_version(place, members):
    both = await registered(place, Ensemble(members))
    dataset = await place.dataset()

    audit = await place.audit(draft(versions=(members[0], members[1], both.name), dataset=dataset))

    assert audit.specification.model_versions[-1] == both.name
