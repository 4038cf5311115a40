"""docs/reference/rest.md: its `curl` examples work in sequence, and it describes the server correctly."""

import asyncio
import gzip
import json
import os
import re
from contextlib import suppress
from pathlib import Path

import pytest
from modicum_server.domain.audits import AuditState
from modicum_server.domain.findings import Finding, Subset
from modicum_server.domain.models import VersionState
from modicum_server.settings import Settings

from tests import machine
from tests.model_files import SAFETENSORS
from tests.rest.rest_stage import PROJECT, TOKENS

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "rest.md").read_text()
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
VERSION = f"{PROJECT}/models/resnet18/versions/1"
AUDIT = f"{PROJECT}/audits/first"
MASK = bytes([0b10000001] * 6272)


@pytest.fixture
def settings() -> Settings:
    return Settings(grpc_port=0, http_port=0)


@pytest.fixture
def photos(tmp_path) -> Path:
    """A folder with the files that the page names."""
    (tmp_path / "w.safetensors").write_bytes(SAFETENSORS)
    (tmp_path / "labels.txt").write_text("cat\ndog\n")
    for place, label in enumerate(("cat", "cat", "dog", "dog")):
        (tmp_path / "photos" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "photos" / label / f"{place}.png").write_bytes(b"image %d" % place)
    return tmp_path


async def work(served) -> None:
    """Do a worker's part with made-up findings: check the version, then end the audit."""
    while True:
        async with served.store.transaction() as transaction:
            version = await transaction.models.version(VERSION)
            audit = await transaction.audits.get(AUDIT)
        if version is not None and version.state is VersionState.PENDING:
            await served.accept(VERSION)
        if audit is not None and audit.state is AuditState.QUEUED:
            await end(served)
        await asyncio.sleep(0.05)


async def end(served) -> None:
    rows = await served.artifact_store.put(gzip.compress(b"", mtime=0))
    measures = {"overinterpretation_rate": {"value": 0.62, "low": 0.55, "high": 0.69, "n": 4}}
    model = {"model_version": VERSION, "searches": [{"measures": measures}]}
    document = {"schema_version": 1, "models": [model], "findings": {"digest": rows}}
    digest = await served.artifact_store.put(json.dumps(document).encode())
    subset = Subset(MASK, 224, 224, 12_544)
    found = [Finding(place, f"{place}.png", "ab" * 32, VERSION, 0, subset=subset) for place in range(4)]
    async with served.store.transaction() as transaction:
        await transaction.findings.add(AUDIT, found)
        await transaction.audits.succeed(AUDIT, result_digest=digest, artifacts=[rows])


async def test_the_examples_work(served, photos):
    machine.program("curl", package="curl")
    working = asyncio.create_task(work(served))
    script = "set -euo pipefail\nset -x\n" + "\n".join(BLOCKS)
    variables = {"MODICUM_URL": f"http://127.0.0.1:{served.http_port}", "MODICUM_TOKEN": TOKENS["admin"]}

    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        cwd=photos,
        env=os.environ | variables,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working

    assert process.returncode == 0, said[-6000:]
    assert "\n0.62\n" in said
    assert said.splitlines().count("10000001" * 28) == 224
    assert '"passesPlanned"' in said


def test_the_python_example_of_the_readme_appears_on_the_page():
    readme = (Path(__file__).parents[2] / "README.md").read_text()
    example = readme.split("## From Python")[1].split("```")[1]

    for call in ("models.register", "datasets.upload", "audits.create", "audit.watch", "audit.result"):
        assert call in example
        assert f"{call}(" in PAGE
    first = "next(one for one in result.findings if one.subset)"
    for value in ("result.models[0].overinterpretation_rate", first, "finding.subset.mask"):
        assert value in example
        assert f"`{value}`" in PAGE


def test_every_header_that_the_door_reads_is_documented():
    for header in ("Idempotency-Key", "Request-Timeout", "X-Request-ID", "If-None-Match", "Last-Event-ID"):
        assert header in PAGE
    for header in ("Content-Range", "ETag", "Retry-After", "Allow", "Link", "MODICUM_CORS_ORIGINS"):
        assert header in PAGE
