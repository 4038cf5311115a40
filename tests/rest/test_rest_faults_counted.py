"""Whether the caller or the service caused an error, as the alert on service errors counts it."""

import hashlib
import http.client
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from tests.rest.rest_stage import PROJECT
from tests.waiting import until

RULES = Path(__file__).parents[2] / "deploy" / "prometheus" / "rules.yml"
DATA = bytes(range(256)) * 20_000
DIGEST = hashlib.sha256(DATA).hexdigest()
PLACE = f"/v1/{PROJECT}/artifacts/{DIGEST}"


def codes_of_the_service() -> set[str]:
    [expression] = [
        rule["expr"]
        for group in yaml.safe_load(RULES.read_text())["groups"]
        for rule in group["rules"]
        if rule.get("record") == "modicum:rpc_errors:ratio5m"
    ]
    [codes] = re.findall(r'code=~"([^"]+)"', expression)
    return set(codes.split("|"))


def counted(served, method: str) -> set[str]:
    text = generate_latest(served.metrics.registry).decode()
    return set(re.findall(rf'modicum_rpcs_total\{{code="(\w+)",method="/modicum.v1.ArtifactService/{method}"\}}', text))


async def test_wrong_bytes_from_a_caller_do_not_count_as_a_service_error(served):
    reply = await served.rest().ask("PUT", PLACE, raw=DATA[:-1] + b"x")

    assert (reply.status, reply.reason) == (422, "DIGEST_MISMATCH")
    await until(lambda: counted(served, "UploadArtifact") == {"DATA_LOSS"})
    assert "DATA_LOSS" not in codes_of_the_service()


async def test_a_truncated_artifact_on_the_disk_counts_as_a_service_error(served, tmp_path):
    await served.upload(DATA)
    [stored] = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file() and path.name == DIGEST]
    with stored.open("r+b") as file:
        file.truncate(len(DATA) // 2)

    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        await served.rest().ask("GET", f"{PLACE}:download")

    await until(lambda: bool(counted(served, "DownloadArtifact") & codes_of_the_service()))
