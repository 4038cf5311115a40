"""Limits that no single field shows: overflowing costs, numbers beyond float32, tokens, broken uploads."""

import base64
import hashlib
import time

import grpc
import pytest
from modicum.v1 import artifact_service_pb2 as artifacts
from modicum_server.domain.datasets import DatasetItem

from tests.door.door_stage import METHODS, PROJECT, TOKEN, message_of, ordinary

Code = grpc.StatusCode
LISTS = {
    "ListProjects": ("", "projects of ada"),
    "ListModels": (PROJECT, "models of {}"),
    "ListModelVersions": ("model", "versions of {}"),
    "ListDatasets": (PROJECT, "datasets of {}"),
    "ListDatasetItems": ("dataset", "items of {}"),
    "ListAudits": (PROJECT, "audits of {}, AuditFilter(state=None, dataset='', model_version='')"),
    "ListFindings": ("audit", "findings of {}"),
    "ListVerdicts": (PROJECT, "verdicts of {}, VerdictFilter(outcome=None, audit='', model_version='')"),
}
STRANGERS = {
    "": "TOKEN_MISSING",
    "Bearer": "TOKEN_MISSING",
    "Basic YTpi": "TOKEN_MISSING",
    TOKEN: "TOKEN_MISSING",
    "Bearer another-server-s-token": "TOKEN_INVALID",
    f"Bearer {TOKEN} {TOKEN}": "TOKEN_INVALID",
    f"Bearer {TOKEN[:-1]}": "TOKEN_INVALID",
    "Bearer " + "x" * 4000: "TOKEN_INVALID",
}


def specification(door, **changes):
    (request,) = ordinary("CreateAudit", door.names)
    changed = {**request["audit"]["specification"], **changes}
    return {**request, "audit": {"specification": changed}, "validateOnly": True}


@pytest.mark.long
async def test_an_audit_whose_number_of_passes_overflows_is_refused(door):
    searches = [{"threshold": 0.5 + number / 100, "passes": 2**40} for number in range(16)]
    controls = [{"control": "CONTROL_CLASS_TARGETED", "passes": 2**40}]
    few = await door.call_json("CreateAudit", specification(door, searches=searches, controls=controls))
    await many_items(door, 40_000)

    many = await door.call_json(
        "CreateAudit", specification(door, dataset=f"{PROJECT}/datasets/many", searches=searches, controls=controls)
    )

    assert few.code is Code.OK
    assert (many.code, many.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID"), many
    assert "passes in all" in many.text


async def many_items(door, count: int) -> None:
    items = [DatasetItem(f"{number}.png", "0" * 64) for number in range(count)]
    async with door.store.transaction() as transaction:
        await transaction.datasets.create(f"{PROJECT}/datasets/many", "1" * 64, items)


@pytest.mark.long
async def test_the_cost_of_a_search_by_fractions_is_computed_at_once(door):
    canvas = {"channels": 3, "height": 2048, "width": 2048}
    search = {"method": "SEARCH_METHOD_BACKSELECT", "threshold": 0.9}
    begun = time.monotonic()

    texts = {}
    for fraction in (0.0001, 1e-300):
        searches = [{**search, "fraction": fraction}]
        refused = await door.call_json("CreateAudit", specification(door, searches=searches, canvas=canvas))
        assert refused.reason == "FIELD_INVALID"
        texts[fraction] = refused.text

    assert "expected at most 10,000,000 passes" in texts[0.0001]
    assert "at least 0.0001" in texts[1e-300]
    assert time.monotonic() - begun < 10  # it takes a minute if each step is counted again for each version and control


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"std": [1e-300] * 3}, "input.std[0]"),
        ({"std": [1e300] * 3}, "input.std[0]"),
        ({"mean": [1e39] * 3}, "input.mean[0]"),
        ({"lowerBound": -1e308, "upperBound": 1e308}, "input.lower_bound"),
        ({"lowerBound": 1, "upperBound": 1.0000000001}, "input.upper_bound"),
    ],
)
async def test_numbers_that_float32_cannot_distinguish_are_refused(door, changes, field):
    (request,) = ordinary("CreateModelVersion", door.names)
    version = request["modelVersion"]

    reply = await door.call_json(
        "CreateModelVersion", {**request, "modelVersion": {**version, "input": {**version["input"], **changes}}}
    )

    assert reply.reason == "FIELD_INVALID"
    assert field in reply.text


@pytest.mark.long
async def test_a_forged_page_token_is_refused_or_harmless(door):
    for key in ("x", "9" * 18, "9" * 40, "-1", "1-1", "9999-9999-999999999", "a\x00b", "١٢", ""):
        for method, (kind, listing) in LISTS.items():
            parent = door.names.get(kind, kind)
            seal = hashlib.sha256(listing.format(parent).encode() + b"\x00" + key.encode()).digest()[:8]
            token = base64.urlsafe_b64encode(seal + key.encode()).decode().rstrip("=")

            reply = await door.call_json(method, {"pageToken": token, **({"parent": parent} if parent else {})})

            assert reply.code is Code.OK or reply.reason == "PAGE_TOKEN_INVALID", (method, key, reply)


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("header", "parts", "code", "reason"),
    [
        ({"size_bytes": 3}, [b"ab"], Code.OUT_OF_RANGE, "UPLOAD_TRUNCATED"),
        ({"size_bytes": 3}, [], Code.OUT_OF_RANGE, "UPLOAD_TRUNCATED"),
        ({"size_bytes": 1}, [b"ab"], Code.INVALID_ARGUMENT, "UPLOAD_INVALID"),
        ({"size_bytes": 2, "digest": "0" * 64}, [b"ab"], Code.DATA_LOSS, "DIGEST_MISMATCH"),
        ({"size_bytes": 2, "offset": 1}, [b"b"], Code.INVALID_ARGUMENT, "UPLOAD_INVALID"),
        ({"size_bytes": 2**62}, [b"ab"], Code.RESOURCE_EXHAUSTED, "ARTIFACT_TOO_LARGE"),
    ],
)
async def test_a_broken_upload_is_refused_and_leaves_no_artifact(door, header, parts, code, reason):
    digest = hashlib.sha256(b"ab").hexdigest()
    head = artifacts.UploadHeader(**{"parent": PROJECT, "digest": digest, **header})
    messages = [artifacts.UploadArtifactRequest(header=head)]
    messages += [artifacts.UploadArtifactRequest(data=data) for data in parts]

    reply = await door.call("UploadArtifact", *messages)
    missing = await door.call_json("FindMissingArtifacts", {"parent": PROJECT, "digests": [head.digest]})

    assert (reply.code, reply.reason) == (code, reason), reply
    assert [one.digest for one in missing.message.missing] == [head.digest]


@pytest.mark.long
async def test_an_unknown_token_gives_no_access(door):
    for authorization, reason in STRANGERS.items():
        for method in ("ListProjects", "CreateAudit", "WatchAudit", "UploadArtifact"):
            messages = [message_of(METHODS[method], request) for request in ordinary(method, door.names)]

            reply = await door.call(method, *messages, authorization=authorization)

            assert (reply.code, reply.reason) == (Code.UNAUTHENTICATED, reason), (method, authorization, reply)
