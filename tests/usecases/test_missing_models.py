"""A version is registered with its model in one call."""

import pytest
from modicum_server.domain.models import Weights
from modicum_server.errors import ArtifactMissing, FieldInvalid, ModelNotFound, RoleInsufficient
from modicum_server.ports import TrailFilter
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions
from modicum_server.usecases.versions import NewVersion

from tests.usecases.usecases_stage import AUDITOR, INPUT, PROJECT, VIEWER

MODEL = f"{PROJECT}/models/net"
REQUEST = CreateOptions(request_id="123e4567-e89b-12d3-a456-426614174000")


@pytest.fixture
async def version(place):
    return NewVersion(Weights(await place.upload(b"weights"), "torchvision:resnet18"), INPUT, ())


async def entries(place):
    async with place.store.transaction() as transaction:
        rows = await transaction.trail.page(PROJECT, TrailFilter(), after="", limit=1000)
    return [(entry.verb, entry.resource) for _, entry in reversed(rows) if entry.verb != "UploadArtifact"]


async def test_a_model_that_is_missing_is_created_with_its_version(place, version):
    with pytest.raises(ModelNotFound):
        await place.versions.create(AUDITOR, MODEL, version, REQUEST)
    made = await place.versions.create(AUDITOR, MODEL, version, REQUEST, allow_missing=True)

    assert (await place.models.get(VIEWER, MODEL)).latest_version == made.name == f"{MODEL}/versions/1"


async def test_repeating_it_makes_neither_again(place, version):
    made = await place.versions.create(AUDITOR, MODEL, version, REQUEST, allow_missing=True)

    for options in (REQUEST, CreateOptions()):
        assert (await place.versions.create(AUDITOR, MODEL, version, options, allow_missing=True)).name == made.name
    assert [one.name for one in (await place.models.page(VIEWER, PROJECT, PageRequest())).rows] == [MODEL]


async def test_a_version_that_is_refused_or_only_validated_leaves_no_model(place, version):
    absent = NewVersion(Weights("ab" * 32, "torchvision:resnet18"), INPUT, ())
    with pytest.raises(ArtifactMissing):
        await place.versions.create(AUDITOR, MODEL, absent, REQUEST, allow_missing=True)
    with pytest.raises(RoleInsufficient):
        await place.versions.create(VIEWER, MODEL, version, REQUEST, allow_missing=True)
    with pytest.raises(FieldInvalid):
        await place.versions.create(AUDITOR, f"{PROJECT}/models/No!", version, REQUEST, allow_missing=True)
    await place.versions.create(AUDITOR, MODEL, version, CreateOptions(validate_only=True), allow_missing=True)

    with pytest.raises(ModelNotFound):
        await place.models.get(VIEWER, MODEL)


@pytest.mark.long
async def test_the_trail_names_the_model_and_the_version(place, version):
    made = await place.versions.create(AUDITOR, MODEL, version, REQUEST, allow_missing=True)

    assert await entries(place) == [("CreateModel", MODEL), ("CreateModelVersion", made.name)]
