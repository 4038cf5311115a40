"""Downloads: how many a principal and a project have open at once, and parts of damaged artifacts."""

import asyncio
import http.client
import os
from contextlib import ExitStack

import grpc
import pytest
from modicum_server.domain.projects import Role
from modicum_server.settings import Settings

from tests.rest.rest_stage import PROJECT, TOKENS, Reply, Rest, Served
from tests.rest.two_doors import by_grpc
from tests.tokens import add_token
from tests.waiting import until

#: More than the connections and the kernel hold, so that a reader who reads nothing keeps its download open.
LARGE = 16_000_000


@pytest.fixture
def settings(settings) -> Settings:
    return settings.model_copy(update={"max_downloads_per_principal": 2, "max_downloads_per_project": 3})


async def ask(served: Served, digest: str, who: str = "admin") -> Reply:
    headers = {"Range": "bytes=0-9"}
    return await served.rest(who).ask("GET", f"/v1/{PROJECT}/artifacts/{digest}:download", headers=headers)


def open_download(served: Served, digest: str, who: str) -> http.client.HTTPConnection:
    """Ask for an artifact and read the head of the response only."""
    connection = Rest(served.http_port, TOKENS[who]).send(
        "GET", f"/v1/{PROJECT}/artifacts/{digest}:download", headers={}
    )
    assert connection.getresponse().status == 200
    return connection


@pytest.mark.long
async def test_open_downloads_of_a_principal_and_of_a_project_are_limited(served):
    digest = await served.upload(os.urandom(LARGE))
    name = f"{PROJECT}/artifacts/{digest}"
    async with served.store.transaction() as transaction:
        await add_token(transaction, "another", principal="another", project="projects/default", role=Role.VIEWER)

    with ExitStack() as opened:
        for who in ("viewer", "viewer"):
            connection = await asyncio.to_thread(open_download, served, digest, who)
            opened.callback(connection.close)
        of_principal = await ask(served, digest, "viewer")
        through_grpc = await by_grpc(served.channel, TOKENS["viewer"], "DownloadArtifact", {"name": name})
        free = await ask(served, digest, "auditor")
        opened.callback((await asyncio.to_thread(open_download, served, digest, "auditor")).close)
        of_project = await ask(served, digest)

    assert (of_principal.status, of_principal.reason) == (429, "SHARE_EXCEEDED")
    assert of_principal.headers["Retry-After"] == "1"
    assert "viewer may have at most 2 open downloads" in of_principal.json["detail"]
    assert (through_grpc.code, through_grpc.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "SHARE_EXCEEDED")
    assert (free.status, len(free.body)) == (206, 10)
    assert (of_project.status, of_project.reason) == (429, "SHARE_EXCEEDED")
    assert f"{PROJECT} may have at most 3 open downloads" in of_project.json["detail"]

    async def is_free() -> bool:
        return (await ask(served, digest, "viewer")).status == 206

    await until(is_free, "the downloads of the readers that left to end")


@pytest.mark.long
async def test_a_range_of_a_damaged_artifact_is_refused_and_one_that_was_mended_is_served(served):
    data = bytes(range(256)) * 4_000
    digest = await served.upload(data)
    place = served.artifact_store._path(digest)
    before = await ask(served, digest)
    place.chmod(0o644)
    place.write_bytes(data[:-1] + b"x")

    damaged = await ask(served, digest)
    place.write_bytes(data)

    assert (before.status, before.body) == (206, data[:10])
    assert (damaged.status, damaged.reason) == (500, "ARTIFACT_CORRUPT")
    assert (await ask(served, digest)).body == data[:10]
