"""Open watches and uploads end soon after their token is revoked, loses a role or expires; others go on."""

import asyncio
import hashlib
from datetime import UTC, datetime

import grpc
import pytest
from modicum.v1 import artifact_service_pb2 as artifacts
from modicum.v1 import audit_service_pb2 as audits
from modicum_server.domain.projects import Role
from modicum_server.transports.call_limits import Bounds

from tests.transports.transports_stage import PROJECT, seen
from tests.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.parametrize("bounds", [Bounds(recheck_seconds=0.1)])


async def revoke(access):
    await access.revoke("auditor")


async def demote(access):
    await access.change_role("auditor", PROJECT, Role.VIEWER)


async def expire(access):
    (token,) = await access.all_tokens("auditor")
    await access.expire_token(token.id, datetime.now(UTC))


@pytest.mark.long_after(1)
@pytest.mark.parametrize("end", [revoke, demote, expire])
async def test_a_watch_ends_with_its_token(served, end):
    caller = served.caller()
    audit = await caller.audits.CreateAudit(await served.audit_request(caller), metadata=caller.metadata)
    watches = {}
    for who in ("auditor", "viewer"):
        watcher = served.caller(who)
        watches[who] = watcher.audits.WatchAudit(audits.WatchAuditRequest(name=audit.name), metadata=watcher.metadata)
        await watches[who].read()

    async with served.store.transaction() as transaction:
        await end(transaction.access)

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asyncio.wait_for(watches["auditor"].read(), PATIENCE_SECONDS)
    assert seen(refused.value).reason == "TOKEN_INVALID"
    assert not watches["viewer"].done()
    watches["viewer"].cancel()


@pytest.mark.long
async def test_an_upload_ends_with_its_token_and_stores_nothing(served):
    caller, data = served.caller(), b"x" * 1000
    header = artifacts.UploadHeader(parent=PROJECT, digest=hashlib.sha256(data).hexdigest(), size_bytes=len(data))
    upload = caller.artifacts.UploadArtifact(metadata=caller.metadata)
    await upload.write(artifacts.UploadArtifactRequest(header=header))
    await upload.write(artifacts.UploadArtifactRequest(data=data[:10]))

    async with served.store.transaction() as transaction:
        await transaction.access.revoke("auditor")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await asyncio.wait_for(upload, PATIENCE_SECONDS)
    assert seen(refused.value).reason == "TOKEN_INVALID"
    async with served.store.transaction() as transaction:
        assert await transaction.artifacts.get(PROJECT, header.digest) is None
