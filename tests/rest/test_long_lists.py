"""A list that is too long is refused through both interfaces before any of its entries is processed."""

import json

import pytest
from google.protobuf.descriptor import Descriptor
from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.rest import protojson
from modicum_server.transports.http.rest.protojson import is_nested, read_json
from modicum_server.transports.list_limits import MOST, PACKAGE

from tests.rest.rest_stage import PROJECT, TOKENS
from tests.rest.two_doors import METHODS, by_grpc, by_rest, in_json_names


def lists_of(message: Descriptor, known: set[str]) -> set[str]:
    """The full names of the lists in a message and below it."""
    found = set()
    for field in message.fields:
        if field.is_repeated:
            found.add(field.full_name.removeprefix(PACKAGE))
        if is_nested(field) and field.message_type.full_name not in known:
            found |= lists_of(field.message_type, known | {field.message_type.full_name})
    return found


def test_every_list_in_a_request_has_a_bound():
    lists = set().union(*(lists_of(method.input_type, set()) for method in METHODS.values()))

    assert lists == MOST.keys()


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("method", "request_", "field", "says"),
    [
        (
            "CreateAudit",
            {"parent": PROJECT, "audit": {"specification": {"searches": [{"method": 77}] * 17}}},
            "audit.specification.searches",
            "expected at most 16 entries, got 17",
        ),
        (
            "CreateAudit",
            {"parent": PROJECT, "audit": {"specification": {"controls": [{}] * 65}}},
            "audit.specification.controls",
            "expected at most 64 entries, got 65",
        ),
        (
            "CreateModelVersion",
            {"parent": f"{PROJECT}/models/m", "modelVersion": {"classLabels": [""] * 100_001}},
            "model_version.class_labels",
            "expected at most 100,000 entries, got 100,001",
        ),
        (
            "FindMissingArtifacts",
            {"parent": PROJECT, "digests": [""] * 10_001},
            "digests",
            "expected at most 10,000 entries, got 10,001",
        ),
        (
            "UploadSmallArtifacts",
            {"parent": PROJECT, "contents": [""] * 257},
            "contents",
            "expected at most 256 entries, got 257",
        ),
    ],
)
async def test_a_list_that_is_too_long_is_refused_before_its_entries_are_processed(
    served, method, request_, field, says
):
    """The entries are not valid either, and the refusal names the list alone."""
    outcomes = [
        await by_grpc(served.channel, TOKENS["auditor"], method, request_),
        await by_rest(served.rest("auditor"), method, request_),
    ]

    assert in_json_names(outcomes[0]) == outcomes[1]
    assert outcomes[0].violations == ((field, says),)


def test_the_objects_of_a_body_are_counted_before_any_is_made(monkeypatch):
    monkeypatch.setattr(protojson.json, "loads", lambda *_args, **_options: pytest.fail("they were made"))

    with pytest.raises(FieldInvalid, match="expected at most 1,000 objects in a body, got 1,001"):
        read_json(b"[" + b",".join([b"{}"] * 1001) + b"]")


def test_the_values_of_a_body_are_counted_before_any_is_made(monkeypatch):
    monkeypatch.setattr(protojson.json, "loads", lambda *_args, **_options: pytest.fail("they were made"))

    with pytest.raises(FieldInvalid, match="expected at most 400,000 commas in a body, got 400,001"):
        read_json(b"[0" + b",0" * 400_001 + b"]")


@pytest.mark.parametrize("label", ["{", '"{', "\\{", '\\"{'])
def test_braces_in_strings_do_not_count_as_objects(label):
    labels = [label] * 2000

    assert read_json(json.dumps(labels).encode()) == labels
