import asyncio
from dataclasses import replace

import pytest
from modicum_server.domain.audits import NewShard, Stage
from modicum_server.domain.models import (
    Combine,
    Ensemble,
    Executable,
    ExecutableKind,
    InputDropout,
    ModelCheck,
    OutputKind,
    VersionState,
    Weights,
)
from modicum_server.errors import DatasetNotFound, ModelVersionNotFound

from tests.store.store_scene import CHECK, PROJECT, Scene, audit_value, items, new_version

MODEL, PARTS = f"{PROJECT}/models/net", f"{PROJECT}/models/parts"


@pytest.mark.parametrize(
    "source",
    [
        Weights("a" * 64, "timm:vit"),
        Executable("b" * 64, ExecutableKind.TORCHSCRIPT),
        Ensemble((f"{PARTS}/versions/1", f"{PARTS}/versions/2"), Combine.MEAN_PROBABILITIES),
        InputDropout(f"{PARTS}/versions/1", 0.8, 16, 3),
    ],
    ids=lambda source: type(source).__name__,
)
async def test_a_version_comes_back_as_it_was_stored(store, source):
    version = new_version(source=source)

    async with store.transaction() as transaction:
        for model in (MODEL, PARTS):
            await transaction.models.create(model)
        for digest in "cd":
            await transaction.models.create_version(PARTS, new_version(digest * 64))
        stored = await transaction.models.create_version(MODEL, version)
        found = await transaction.models.version(stored.name)

    assert stored == found
    assert stored == replace(version, name=f"{MODEL}/versions/1", create_time=stored.create_time)
    assert stored.create_time > version.create_time  # the database's clock, not the caller's


async def test_versions_are_numbered_and_a_number_is_never_used_twice(store):
    async with store.transaction() as transaction:
        await transaction.models.create(MODEL)
        for digest in "ab":
            await transaction.models.create_version(MODEL, new_version(digest * 64))
        await transaction.models.delete_version(f"{MODEL}/versions/2")
        third = await transaction.models.create_version(MODEL, new_version("c" * 64))
        pages = [await transaction.models.versions(MODEL, after="", limit=1)]
        pages.append(await transaction.models.versions(MODEL, after=pages[0][-1][0], limit=5))
        model = await transaction.models.get(MODEL)

    assert third.name == f"{MODEL}/versions/3"
    assert [row.name[-1] for page in pages for _, row in page] == ["3", "1"]
    assert model.latest_version == third.name


async def test_a_model_knows_its_newest_version_and_its_newest_ready_one(store):
    check = ModelCheck(class_count=2, output_kind=OutputKind.LOGITS, useful_gradient=True, pass_milliseconds=1.0)
    seen = []
    async with store.transaction() as transaction:
        seen.append(await transaction.models.create(MODEL))
        for digest, ready in (("a", True), ("b", True), ("c", False)):
            version = await transaction.models.create_version(MODEL, new_version(digest * 64))
            seen.append(await transaction.models.get(MODEL))
            if ready:
                await transaction.models.accept(version.name, check)
            else:
                await transaction.models.reject(version.name, reason="STATE_DICT_MISMATCH", detail="it does not fit")
        ((_, listed),) = await transaction.models.page(PROJECT, after="", limit=5)

    none, pending, after_one, after_two = (
        (one.latest_version[-1:], one.latest_version_state, one.latest_ready_version[-1:]) for one in seen
    )
    assert none == ("", None, "")
    assert pending == ("1", VersionState.PENDING, "")
    assert after_one == ("2", VersionState.PENDING, "1")
    assert after_two == ("3", VersionState.PENDING, "2")
    assert listed.latest_version_state is VersionState.REJECTED
    assert listed.latest_ready_version == f"{MODEL}/versions/2"


async def test_equal_content_registered_at_once_is_one_version(store):
    async with store.transaction() as transaction:
        await transaction.models.create(MODEL)

    async def register():
        async with store.transaction() as transaction:
            version = await transaction.models.create_version(MODEL, new_version())
            await transaction.shards.add(PROJECT, "", [NewShard(Stage.CHECK, version.name)])
            return version.name

    names = await asyncio.gather(*(register() for _ in range(10)))

    async with store.transaction() as transaction:
        assert set(names) == {f"{MODEL}/versions/1"}
        assert await transaction.shards.remaining("", Stage.CHECK) == 1


async def test_a_check_settles_a_version_once(store, scene):
    name = await scene.model(ready=False)

    async with store.transaction() as transaction:
        await transaction.models.accept(name, CHECK)
        await transaction.models.reject(name, reason="LATE", detail="too late")
        version = await transaction.models.version(name)

    assert (version.state, version.check, version.reject_reason) == (VersionState.READY, CHECK, "")
    assert version.check_time is not None


async def test_a_rejected_version_names_the_audits_that_wait_for_it(store, scene):
    name = await scene.model(ready=False)
    audit = await scene.audit(version=name)

    async with store.transaction() as transaction:
        assert await transaction.audits.with_rejected_versions(limit=5) == []
        await transaction.models.reject(name, reason="KEYS_DIFFER", detail="no such layer")
        assert await transaction.audits.with_rejected_versions(limit=5) == [(audit.name, name)]


async def test_models_are_listed_by_name_within_their_project(store, scene):
    other = await scene.project("other")
    async with store.transaction() as transaction:
        for name in (f"{PROJECT}/models/b", f"{PROJECT}/models/a", f"{other}/models/c"):
            await transaction.models.create(name)
        first = await transaction.models.page(PROJECT, after="", limit=1)
        rest = await transaction.models.page(PROJECT, after=first[-1][0], limit=5)

    assert [key for key, _ in first + rest] == [f"{PROJECT}/models/a", f"{PROJECT}/models/b"]


async def test_references_to_a_version_are_listed(store, scene):
    name = await scene.model()
    audit = await scene.audit(version=name)
    async with store.transaction() as transaction:
        ensemble = f"{PROJECT}/models/both"
        await transaction.models.create(ensemble)
        await transaction.models.create_version(ensemble, new_version(source=Ensemble((name,))))

        expected = [audit.name, f"{ensemble}/versions/1"]
        assert await transaction.models.audits_of(name) == expected
        assert await transaction.models.audits_of(MODEL) == expected
        assert await transaction.models.audits_of(ensemble) == []


async def test_a_new_audit_cannot_refer_to_a_version_that_is_being_deleted(store, scene: Scene, until_one_waits):
    version = await scene.model()
    async with store.transaction() as transaction:
        await transaction.datasets.create(f"{PROJECT}/datasets/photos", "3" * 64, items(1))
    audit = audit_value(f"{PROJECT}/audits/late", version, f"{PROJECT}/datasets/photos", 1)

    async def create():
        async with store.transaction() as transaction:
            await transaction.audits.create(audit, [0])

    async with store.transaction() as transaction:
        assert await transaction.models.audits_of(version) == []
        creation = asyncio.create_task(create())
        await until_one_waits()
        await transaction.models.delete_version(version)

    with pytest.raises(ModelVersionNotFound):
        await creation


async def test_an_audit_of_a_deleted_data_set_is_refused(store, scene: Scene):
    audit = audit_value(f"{PROJECT}/audits/late", await scene.model(), f"{PROJECT}/datasets/gone", 1)

    with pytest.raises(DatasetNotFound):
        async with store.transaction() as transaction:
            await transaction.audits.create(audit, [0])


async def test_deleting_a_model_takes_its_versions_and_their_checks(store, scene):
    name = await scene.model(ready=False)
    async with store.transaction() as transaction:
        await transaction.shards.add(PROJECT, "", [NewShard(Stage.CHECK, name)])

        await transaction.models.delete(MODEL)

        assert await transaction.models.version(name) is None
        assert await transaction.shards.remaining("", Stage.CHECK) == 0


async def test_a_rejected_version_is_checked_again_once(store, scene: Scene):
    version = await scene.model(ready=False)
    async with store.transaction() as transaction:
        assert not await transaction.models.recheck(version)
        await transaction.models.reject(version, reason="MODEL_DIED", detail="it died")

        assert await transaction.models.recheck(version)
        assert not await transaction.models.recheck(version)

        again = await transaction.models.version(version)
    assert (again.state, again.reject_reason, again.reject_detail, again.check_time) == (
        VersionState.PENDING,
        "",
        "",
        None,
    )


@pytest.mark.parametrize("of_model", [False, True])
async def test_deleting_a_version_whose_check_is_ending_waits_for_no_worker(
    store, scene: Scene, until_one_waits, of_model
):
    version = await scene.model(ready=False)
    async with store.transaction() as transaction:
        await transaction.shards.add(PROJECT, "", [NewShard(Stage.CHECK, version)])
    shard = await scene.claim()

    check_locked, version_locked = asyncio.Event(), asyncio.Event()

    async def end_check():
        async with store.transaction() as transaction:
            assert await transaction.shards.hold(shard)
            check_locked.set()
            await version_locked.wait()
            await transaction.models.accept(version, CHECK)
            return await transaction.shards.finish(shard, passes_done=0)

    ending = asyncio.create_task(end_check())
    await check_locked.wait()
    async with store.transaction() as transaction:
        assert await transaction.models.audits_of(MODEL if of_model else version) == []
        version_locked.set()
        await until_one_waits()
        await (transaction.models.delete(MODEL) if of_model else transaction.models.delete_version(version))

    assert await ending
    async with store.transaction() as transaction:
        assert await transaction.models.version(version) is None
        assert await transaction.shards.remaining("", Stage.CHECK) == 0
