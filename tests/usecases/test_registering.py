"""Projects, models, versions and data sets over the real store."""

import asyncio
import json
from dataclasses import replace

import pytest
from modicum_server.domain.audits import Stage
from modicum_server.domain.models import Executable, ExecutableKind, VersionState, Weights
from modicum_server.domain.projects import Role
from modicum_server.errors import (
    ArchitectureUnknown,
    ArtifactCorrupt,
    ArtifactMissing,
    DatasetDiffers,
    DatasetNotFound,
    ExecutableNotAllowed,
    FieldInvalid,
    ModelNotFound,
    ProjectExists,
    ProjectNotFound,
    RequestIdReused,
    ResourceInUse,
    RoleInsufficient,
)
from modicum_server.usecases.pages import PageRequest
from modicum_server.usecases.request_ids import CreateOptions, canonical_digest
from modicum_server.usecases.versions import NewVersion

from tests.lock_waits import until_one_waits
from tests.usecases.usecases_stage import ADMIN, AUDITOR, INPUT, PROJECT, STRANGER, VIEWER, digest_of, draft

REQUEST = CreateOptions(request_id="123e4567-e89b-12d3-a456-426614174000")
VALIDATE = CreateOptions(validate_only=True)
MODEL = f"{PROJECT}/models/net"


async def test_a_stranger_gets_no_information_about_a_project(place):
    with pytest.raises(ProjectNotFound):
        await place.projects.get(STRANGER, PROJECT)
    with pytest.raises(ProjectNotFound):
        await place.models.page(STRANGER, PROJECT, PageRequest())


async def test_roles_permit_what_they_should(place):
    await place.models.page(VIEWER, PROJECT, PageRequest())
    with pytest.raises(RoleInsufficient, match="role auditor"):
        await place.models.create(VIEWER, PROJECT, "net", CreateOptions())
    await place.models.create(AUDITOR, PROJECT, "net", CreateOptions())
    with pytest.raises(RoleInsufficient, match="role admin"):
        await place.models.delete(AUDITOR, MODEL)
    await place.models.delete(ADMIN, MODEL)
    with pytest.raises(ModelNotFound):
        await place.models.get(VIEWER, MODEL)


async def test_a_project_has_its_creator_as_admin_and_is_deleted_when_empty(place):
    created = await place.projects.create(ADMIN, "second", CreateOptions())
    boss = replace(ADMIN, roles={**ADMIN.roles, created.name: Role.ADMIN})

    assert [p.name for p in (await place.projects.page(boss, PageRequest())).rows] == [PROJECT, created.name]
    with pytest.raises(ProjectExists):
        await place.projects.create(ADMIN, "second", CreateOptions())
    await place.models.create(boss, created.name, "net", CreateOptions())
    with pytest.raises(ResourceInUse):
        await place.projects.delete(boss, created.name)
    await place.models.delete(boss, f"{created.name}/models/net")
    await place.projects.delete(boss, created.name)
    with pytest.raises(ProjectNotFound):
        await place.projects.get(boss, created.name)


async def test_the_default_project_is_not_deleted(place):
    with pytest.raises(ResourceInUse):
        await place.projects.delete(ADMIN, PROJECT)


async def test_a_model_of_the_same_name_is_returned(place):
    first = await place.models.create(AUDITOR, PROJECT, "net", CreateOptions())

    assert await place.models.create(AUDITOR, PROJECT, "net", REQUEST) == first
    assert await place.models.create(AUDITOR, PROJECT, "net", REQUEST) == first


async def test_a_request_id_is_not_used_for_another_request(place):
    await place.models.create(AUDITOR, PROJECT, "net", REQUEST)

    with pytest.raises(RequestIdReused):
        await place.models.create(AUDITOR, PROJECT, "other", REQUEST)
    with pytest.raises(RequestIdReused):
        await place.datasets.create(AUDITOR, PROJECT, "net", "ab" * 32, REQUEST)


async def test_validating_writes_nothing(place):
    manifest = await place.manifest()
    await place.models.create(AUDITOR, PROJECT, "net", VALIDATE)
    described = await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, VALIDATE)
    await place.projects.create(ADMIN, "second", VALIDATE)

    assert (described.item_count, described.labelled_count) == (3, 3)
    with pytest.raises(ModelNotFound):
        await place.models.get(AUDITOR, MODEL)
    with pytest.raises(DatasetNotFound):
        await place.datasets.get(AUDITOR, f"{PROJECT}/datasets/photos")
    assert [p.name for p in (await place.projects.page(ADMIN, PageRequest())).rows] == [PROJECT]


async def test_a_version_is_pending_and_its_check_is_queued(place):
    version = await place.register(check=None)

    async with place.store.transaction() as transaction:
        shard = await transaction.shards.claim("worker", lease_seconds=5)
    assert version.state is VersionState.PENDING
    assert (shard.stage, shard.model_version, shard.audit) == (Stage.CHECK, version.name, "")


async def test_equal_content_is_one_version_and_any_change_another(place):
    first = await place.register()
    same = await place.register()
    others = [
        await place.register(weights=b"other"),
        await place.register(input=replace(INPUT, height=7)),
        await place.register(class_labels=("dog", "cat")),
    ]

    assert same.name == first.name
    assert len({first.digest, *(other.digest for other in others)}) == 4
    page = await place.versions.page(VIEWER, MODEL, PageRequest())
    assert [version.name[-1] for version in page.rows] == ["4", "3", "2", "1"]


@pytest.mark.parametrize(
    ("source", "error"),
    [
        pytest.param(None, FieldInvalid, id="none"),
        pytest.param(Weights("ab" * 32, "torchvision:resnet18"), ArtifactMissing, id="weights that nobody uploaded"),
        pytest.param(Weights("ab" * 32, "resnet18"), ArchitectureUnknown, id="no family"),
        pytest.param(Weights("ab" * 32, "os:system('x')"), ArchitectureUnknown, id="no name"),
        pytest.param(Weights("AB" * 32, "timm:x"), FieldInvalid, id="no digest"),
        pytest.param(Executable("ab" * 32, ExecutableKind.EXPORTED), ExecutableNotAllowed, id="a program"),
    ],
)
async def test_a_source_that_cannot_be_served_is_refused(place, source, error):
    await place.models.create(AUDITOR, PROJECT, "net", CreateOptions())

    with pytest.raises(error):
        await place.versions.create(AUDITOR, MODEL, NewVersion(source, INPUT, ()), CreateOptions())


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"channels": 0}, "channels"),
        ({"channels": 65}, "channels"),
        ({"height": 0}, "height"),
        ({"width": 5000}, "width"),
        ({"resize": 7}, "resize"),
        ({"interpolation": "lanczos"}, "interpolation"),
        ({"lower_bound": float("nan")}, "lower_bound"),
        ({"upper_bound": 0.0}, "upper_bound"),
        ({"mean": (0.5,)}, "mean"),
        ({"std": (0.5, 0.0, 0.5)}, "std[1]"),
        ({"fill_mean": (float("inf"),) * 3}, "fill_mean[0]"),
        ({"fill_mean": (0.5, 0.5, 127.0)}, "fill_mean[2]"),
        ({"mean": (123.0, 0.5, 0.5)}, "mean[0]"),
    ],
)
async def test_an_impossible_input_specification_is_refused(place, changes, field):
    await place.models.create(AUDITOR, PROJECT, "net", CreateOptions())
    new = NewVersion(Weights("ab" * 32, "timm:x"), replace(INPUT, **changes), ())

    with pytest.raises(FieldInvalid) as caught:
        await place.versions.create(AUDITOR, MODEL, new, CreateOptions())

    assert caught.value.field == f"model_version.input.{field}"


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("channels", "height", "width", "classes"), [(1, 8, 8, 2), (13, 8, 512, 21_841), (64, 512, 512, 0)]
)
async def test_inputs_of_many_channels_sizes_and_classes_are_accepted(place, channels, height, width, classes):
    wide = replace(INPUT, channels=channels, height=height, width=width, mean=(0.5,) * channels, std=(0.5,) * channels)
    names = tuple(f"n{number:08}" for number in range(classes))

    version = await place.register(input=wide, class_labels=names)

    assert (version.input, version.class_labels) == (wide, names)


async def test_an_input_of_more_values_than_memory_is_planned_for_is_refused(place):
    huge = replace(INPUT, channels=64, height=2048, width=1024, mean=(0.5,) * 64, std=(0.5,) * 64)

    with pytest.raises(FieldInvalid, match="at most 67,108,864 values, channels times height times width"):
        await place.register(input=huge)


async def test_two_classes_of_one_name_are_refused(place):
    with pytest.raises(
        FieldInvalid, match="classes 1 and 3 are both called 'dog'; class names must be unique"
    ) as caught:
        await place.register(class_labels=("cat", "dog", "owl", "dog"))

    assert caught.value.field == "model_version.class_labels[3]"


async def test_a_version_without_a_model_is_refused(place):
    weights = Weights(await place.upload(b"weights"), "timm:x")

    with pytest.raises(ModelNotFound):
        await place.versions.create(AUDITOR, MODEL, NewVersion(weights, INPUT, ()), CreateOptions())


async def test_resources_that_an_audit_refers_to_are_not_deleted(place):
    version, dataset = await place.register(), await place.dataset()
    audit = await place.audit(draft(versions=(version.name,), dataset=dataset))

    for deletion in (
        place.versions.delete(ADMIN, version.name),
        place.models.delete(ADMIN, MODEL),
        place.datasets.delete(ADMIN, dataset),
    ):
        with pytest.raises(ResourceInUse, match=audit.name):
            await deletion
    with pytest.raises(ResourceInUse, match=version.name):
        await place.artifacts.delete(ADMIN, f"{PROJECT}/artifacts/{version.source.digest}")


async def test_a_data_set_is_its_manifest(place):
    manifest = await place.manifest(count=5)
    dataset = await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, REQUEST)
    page = await place.datasets.items(VIEWER, dataset.name, PageRequest(size=2))
    rest = await place.datasets.items(VIEWER, dataset.name, PageRequest(size=9, token=page.next_token))

    assert (dataset.item_count, dataset.labelled_count, dataset.manifest_digest) == (5, 5, manifest)
    assert [item.item for item in page.rows + rest.rows] == [f"{index:03}.png" for index in range(5)]
    for options in (REQUEST, CreateOptions()):
        assert await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, options) == dataset


async def test_a_changed_data_set_is_refused_with_both_digests(place):
    dataset = await place.dataset(count=3)
    other = await place.manifest(count=2)

    with pytest.raises(DatasetDiffers) as caught:
        await place.datasets.create(AUDITOR, PROJECT, "photos", other, CreateOptions())

    present = (await place.datasets.get(AUDITOR, dataset)).manifest_digest
    assert caught.value.metadata == {"present_digest": present, "given_digest": other}


async def test_a_manifest_of_images_that_were_not_uploaded_is_refused(place):
    rows = [{"item": f"{index}.png", "image": digest_of(str(index).encode())} for index in range(3)]
    manifest = await place.upload("\n".join(map(json.dumps, rows)).encode())

    with pytest.raises(ArtifactMissing, match="3 artifacts") as caught:
        await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, CreateOptions())

    assert caught.value.metadata["digest"] == rows[0]["image"]


async def test_registering_a_rejected_version_again_has_it_checked_again(place):
    version = await place.register(check=None)
    async with place.store.transaction() as transaction:
        shard = await transaction.shards.claim("worker", lease_seconds=60)
        await transaction.models.reject(version.name, reason="EXECUTABLE_NOT_ENCLOSED", detail="not here")
        await transaction.shards.finish(shard, passes_done=0)

    again = await place.register(check=None)

    assert (again.name, again.state, again.reject_reason) == (version.name, VersionState.PENDING, "")
    async with place.store.transaction() as transaction:
        shard = await transaction.shards.claim("worker", lease_seconds=60)
    assert (shard.stage, shard.model_version) == (Stage.CHECK, version.name)


async def test_validating_a_rejected_version_leaves_it_rejected(place):
    version = await place.register(check=None)
    async with place.store.transaction() as transaction:
        await transaction.models.reject(version.name, reason="MODEL_DIED", detail="it died")

    new = NewVersion(version.source, version.input, version.class_labels)
    seen = await place.versions.create(AUDITOR, MODEL, new, VALIDATE)

    assert seen.state is VersionState.REJECTED


async def test_a_damaged_manifest_is_not_blamed_on_the_caller(place):
    """It is read as it comes, so its first lines are parsed before its end shows that it is damaged."""
    lines = [{"item": f"{number}.png", "image": digest_of(b"%d" % number)} for number in range(6_000)]
    manifest = "\n".join(map(json.dumps, lines)).encode()
    digest = await place.artifact_store.put(manifest)
    async with place.store.transaction() as transaction:
        await transaction.artifacts.add(PROJECT, digest, len(manifest))
    stored = place.artifact_store._path(digest)
    stored.chmod(0o644)
    stored.write_bytes(b"x" + manifest[1:])

    with pytest.raises(ArtifactCorrupt, match=digest):
        await place.datasets.create(AUDITOR, PROJECT, "photos", digest, CreateOptions())


async def test_a_manifest_that_is_being_deleted_makes_no_data_set(place, database_url):
    manifest = await place.manifest()

    async with place.store.transaction() as transaction:
        assert await transaction.artifacts.referrers(PROJECT, manifest) == []
        creating = asyncio.create_task(place.datasets.create(AUDITOR, PROJECT, "photos", manifest, CreateOptions()))
        await until_one_waits(database_url)
        await transaction.artifacts.delete(PROJECT, manifest)

    with pytest.raises(ArtifactMissing):
        await creating


@pytest.mark.long
async def test_a_manifest_deleted_while_it_is_read_makes_no_data_set(place, monkeypatch):
    manifest = await place.manifest()
    read = place.datasets._read

    async def read_and_lose(principal, digest):
        items = await read(principal, digest)
        await place.artifacts.delete(ADMIN, f"{PROJECT}/artifacts/{manifest}")
        return items

    monkeypatch.setattr(place.datasets, "_read", read_and_lose)

    with pytest.raises(ArtifactMissing, match=manifest):
        await place.datasets.create(AUDITOR, PROJECT, "photos", manifest, CreateOptions())


@pytest.mark.long_after(3)
@pytest.mark.parametrize(
    ("architecture", "configuration", "says"),
    [
        ("transformers:vit", "", "the configuration is missing"),
        ("transformers:vit", '{"auto_map": {"AutoModel": "a.B"}}', "would load Python code"),
        ("transformers:vit", '{"hidden_size": 1e9}', "hidden_size: expected a number of at most"),
        ("transformers:vit", f'{{"hidden_size": {10**400}}}', "hidden_size: expected a number of at most"),
        ("transformers:vit", '{"num_labels": 1000000}', "num_labels: expected a number of at most 100,000, got 1e"),
        ("timm:vit_tiny_patch16_224", '{"checkpoint_path": "w.pth"}', "would load a file"),
        ("timm:vit_tiny_patch16_224", "{", "not valid JSON"),
        ("torchvision:resnet18", '{"depth": 3}', "torchvision:NAME takes no configuration"),
    ],
)
async def test_a_configuration_that_is_not_plain_is_refused_at_the_door(place, architecture, configuration, says):
    weights = Weights(await place.upload(b"weights"), architecture, configuration)
    await place.models.create(AUDITOR, PROJECT, "net", CreateOptions())

    with pytest.raises(FieldInvalid, match=says) as caught:
        await place.versions.create(AUDITOR, MODEL, NewVersion(weights, INPUT, ()), CreateOptions())

    assert caught.value.field == "model_version.weights.configuration"


async def test_a_configuration_makes_another_version_and_is_kept(place):
    digest = await place.upload(b"weights")
    await place.models.create(AUDITOR, PROJECT, "net", CreateOptions())
    names = []
    for configuration in ('{"hidden_size":32}', '{"hidden_size":64}', '{"hidden_size":32}'):
        new = NewVersion(Weights(digest, "transformers:vit", configuration), INPUT, ())
        names.append((await place.versions.create(AUDITOR, MODEL, new, CreateOptions())).name)

    assert names[0] == names[2] != names[1]
    assert (await place.versions.get(VIEWER, names[1])).source.configuration == '{"hidden_size":64}'


def test_versions_of_earlier_releases_keep_their_digests():
    before = {
        "source": {"kind": "Weights", "of": {"digest": "ab", "architecture": "timm:x"}},
        "input": {key: getattr(INPUT, key) for key in INPUT.__slots__ if key not in {"stretched", "crop_rounded_down"}},
        "class_labels": (),
    }

    assert NewVersion(Weights("ab", "timm:x"), INPUT, ()).digest == canonical_digest(before)
    assert NewVersion(Weights("ab", "timm:x"), replace(INPUT, stretched=True), ()).digest != canonical_digest(before)
