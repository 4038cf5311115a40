"""Shards know the call that they were queued for."""

from dataclasses import replace

from modicum_server.domain.audits import Stage
from modicum_server.domain.projects import Origin
from modicum_server.domain.traces import Cause

from tests.usecases.usecases_stage import AUDITOR, INPUT, PROJECT, CreateOptions, NewVersion, Weights

TRACEPARENT = f"00-{'a' * 32}-{'b' * 16}-01"
CALLER = replace(AUDITOR, origin=Origin("request-7", "10.0.0.7", TRACEPARENT))


async def queued(place):
    """All shards, by stage, as a worker would claim them."""
    shards = {}
    async with place.store.transaction() as transaction:
        while shard := await transaction.shards.claim("worker", lease_seconds=60):
            shards[shard.stage] = shard
    return shards


async def test_the_shards_of_an_audit_know_the_call_that_created_it(place, audit_draft):
    await place.audit(audit_draft, CALLER)

    shards = await queued(place)

    assert shards[Stage.SEARCH].cause == Cause("request-7", TRACEPARENT)
    assert shards[Stage.CHECK].cause == Cause()


async def test_the_check_of_a_version_knows_the_call_that_created_it(place):
    source = Weights(await place.upload(b"weights"), "torchvision:resnet18")
    new = NewVersion(source=source, input=INPUT, class_labels=("cat", "dog"))

    await place.versions.create(CALLER, f"{PROJECT}/models/net", new, CreateOptions(), allow_missing=True)

    assert (await queued(place))[Stage.CHECK].cause == Cause("request-7", TRACEPARENT)
