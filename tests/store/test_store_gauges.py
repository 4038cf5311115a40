"""What the metrics read from the store."""

from modicum_server.domain.audits import AuditFailure, Stage
from modicum_server.domain.erasures import Erasure, ErasureState
from modicum_server.domain.gauges import ProjectUse
from modicum_server.domain.verdicts import Verdict, VerdictOutcome

from tests.borders.filling import filled
from tests.store.store_scene import PROJECT


async def succeed(scene, name: str, digest: str) -> None:
    async with scene.store.transaction() as transaction:
        await transaction.audits.succeed(name, result_digest=digest, artifacts=[])


async def newest(scene, limit: int = 10):
    async with scene.store.transaction() as transaction:
        return await transaction.gauges.newest_audits(limit=limit)


async def facts(scene):
    async with scene.store.transaction() as transaction:
        return await transaction.gauges.facts()


async def test_a_version_is_shown_by_the_newest_of_its_audits_that_succeeded(scene):
    version = await scene.model()
    for name, digest in (("one", "1" * 64), ("two", "2" * 64), ("three", "")):
        audit = await scene.audit(name, version=version)
        if digest:
            await succeed(scene, audit.name, digest)

    found = await newest(scene)

    [shown] = found.audits
    assert (shown.model_version, shown.audit) == (version, f"{PROJECT}/audits/two")
    assert (shown.dataset, shown.result_digest) == (f"{PROJECT}/datasets/photos", "2" * 64)
    assert found.left_out == 0


async def test_the_versions_audited_last_are_shown_and_the_others_counted(scene):
    for model in ("a", "b", "c"):
        audit = await scene.audit(model, version=await scene.model(model))
        await succeed(scene, audit.name, "1" * 64)

    found = await newest(scene, limit=2)

    assert [audit.audit for audit in found.audits] == [f"{PROJECT}/audits/{name}" for name in ("c", "b")]
    assert found.left_out == 1


async def test_a_deleted_model_is_no_longer_shown(scene):
    audit = await scene.audit(version=await scene.model())
    await succeed(scene, audit.name, "1" * 64)
    async with scene.store.transaction() as transaction:
        await transaction.audits.delete(audit.name)
        await transaction.models.delete(f"{PROJECT}/models/net")

    assert not (await newest(scene)).audits


async def test_without_audits_no_version_is_omitted(scene):
    assert (await newest(scene)).left_out == 0


async def test_a_lease_that_ran_out_is_overdue_until_it_is_taken_back(scene):
    await scene.audit()
    await scene.claim(lease_seconds=-1)
    assert (await facts(scene))["leases_overdue"] == 1

    async with scene.store.transaction() as transaction:
        await transaction.shards.expire()

    assert (await facts(scene))["leases_overdue"] == 0


async def test_a_running_audit_is_stalled_while_no_worker_holds_a_shard_of_it(scene):
    audit = await scene.audit()
    async with scene.store.transaction() as transaction:
        await transaction.audits.start(audit.name, Stage.SEARCH)
    assert (await facts(scene))["audits_stalled"] == 1

    await scene.claim()

    assert (await facts(scene))["audits_stalled"] == 0


async def test_the_last_claim_is_known_once_there_was_one(scene):
    await scene.audit()
    assert "last_claim" not in await facts(scene)

    shard = await scene.claim()

    assert (await facts(scene))["last_claim"] > 1_700_000_000
    assert shard.waited_seconds >= 0


async def test_failed_audits_are_counted_by_reason_and_rare_reasons_together(scene):
    version = await scene.model()
    for name, reason in (("a", "MODEL_DIED"), ("b", "MODEL_DIED"), ("c", "INVENTED"), ("d", "MADE_UP")):
        audit = await scene.audit(name, version=version)
        async with scene.store.transaction() as transaction:
            await transaction.audits.fail(audit.name, AuditFailure(reason, "why"))

    async with scene.store.transaction() as transaction:
        assert await transaction.gauges.failed_audits(most_reasons=1) == {"MODEL_DIED": 2, "OTHER": 2}


async def test_the_database_has_a_size(scene):
    assert (await facts(scene))["database_bytes"] > 1_000_000


async def verdict(scene, name: str, audit, outcome: VerdictOutcome) -> None:
    given = {"name": f"{PROJECT}/verdicts/{name}", "audit": audit.name, "outcome": outcome, "rules": ()}
    versions = audit.specification.model_versions
    async with scene.store.transaction() as transaction:
        assert await transaction.verdicts.create(filled(Verdict, model_versions=versions, **given)) is not None


async def test_a_version_has_the_newest_verdict_on_any_of_its_audits(scene):
    version, other = await scene.model(), await scene.model("other")
    first, second = [await scene.audit(name, version=version) for name in ("one", "two")]
    await verdict(scene, "early", first, VerdictOutcome.PASS)
    await verdict(scene, "late", second, VerdictOutcome.FAIL)
    await verdict(scene, "of-another", await scene.audit("three", version=other), VerdictOutcome.PASS)

    async with scene.store.transaction() as transaction:
        found = await transaction.gauges.newest_verdicts([version, "of nobody"])
        nothing = await transaction.gauges.newest_verdicts([])

    [(named, shown)] = found.items()
    assert (named, shown.verdict, shown.audit) == (version, f"{PROJECT}/verdicts/late", second.name)
    assert shown.outcome is VerdictOutcome.FAIL
    assert nothing == {}


async def test_what_projects_use_is_told_of_those_that_store_most(scene):
    waiting = await scene.audit("waiting")
    ended = await scene.audit("ended")
    await succeed(scene, ended.name, "1" * 64)
    async with scene.store.transaction() as transaction:
        before = await transaction.artifacts.stored_bytes(PROJECT)
        for project in ("projects/large", "projects/small"):
            await transaction.projects.create(project, admin="ann")
        await transaction.artifacts.add("projects/large", "4" * 64, before + 60, principal="ann")
        await transaction.artifacts.add("projects/large", "5" * 64, 30, principal="bea")
        await transaction.artifacts.add("projects/large", "6" * 64, 10)

    async with scene.store.transaction() as transaction:
        largest = await transaction.gauges.project_use(limit=2)
        every = await transaction.gauges.project_use(limit=10)

    left = waiting.progress.passes_planned
    large = ProjectUse("projects/large", before + 100, 0, 0, principal_stored_bytes=before + 60)
    assert largest == [large, ProjectUse(PROJECT, before, 1, left, 0, 1, left)]
    assert every[2:] == [ProjectUse("projects/small", 0, 0, 0)]


async def test_an_erasure_counts_with_its_age_until_it_is_done(scene):
    erasure = Erasure(f"{PROJECT}/erasures/one", "1" * 64, ErasureState.RUNNING, "ada")
    before = await facts(scene)
    async with scene.store.transaction() as transaction:
        await transaction.erasures.begin(erasure, files=[])
    running = await facts(scene)
    async with scene.store.transaction() as transaction:
        await transaction.erasures.end(erasure.name)
    after = await facts(scene)

    assert (before["erasures_running"], before["erasure_age_seconds"]) == (0, 0)
    assert running["erasures_running"] == 1
    assert 0 < running["erasure_age_seconds"] < 3600
    assert (after["erasures_running"], after["erasure_age_seconds"]) == (0, 0)
