"""Required fields: responses always contain them, and requests without them are refused."""

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message_factory import GetMessageClass
from jsonschema import Draft202012Validator
from modicum_server.settings import Settings
from modicum_server.transports.http.rest.openapi.document import document
from modicum_server.transports.http.rest.openapi.operations import path_of
from modicum_server.transports.http.rest.protojson import written
from modicum_server.transports.http.rest.routes import bindings_of
from modicum_server.usecases.reports import MEDIA_TYPES

from tests.rest.rest_stage import INPUT, PROJECT
from tests.rest.two_doors import METHODS

DIGEST = "0" * 64
VERSION = "projects/default/models/net/versions/1"
NET = f"/v1/{PROJECT}/models/net/versions"
WEIGHTS = {"digest": DIGEST, "architecture": "torchvision:resnet18"}
DROPOUT = {"member": VERSION, "keepProbability": 0.5, "samples": 2}
SPECIFICATION = {
    "modelVersions": [VERSION],
    "dataset": "projects/default/datasets/photos",
    "searches": [{"threshold": 0.9}],
    "canvas": {"channels": 3, "height": 8, "width": 8},
    "controls": [{"control": "CONTROL_FILL"}],
    "stopping": {"limits": [{"measure": "overinterpretation_rate", "atMost": 0.5}]},
}
RULE = {
    "issuer": "https://issuer.example",
    "audience": "modicum",
    "claims": [{"name": "repository_id", "value": "1"}],
    "role": "ROLE_AUDITOR",
}
EXCHANGE = {
    "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
    "subject_token": "x",
    "subject_token_type": "urn:ietf:params:oauth:token-type:id_token",
}
#: Requests with every field that is required somewhere, by path and the schema of their body.
REQUESTS: list[tuple[str, str, dict[str, Any]]] = [
    (NET, "ModelVersionInput", {"weights": WEIGHTS, "input": INPUT, "classLabels": ["cat", "dog"]}),
    (NET, "ModelVersionInput", {"exported": {"digest": DIGEST}, "input": INPUT}),
    (NET, "ModelVersionInput", {"ensemble": {"members": [VERSION, VERSION]}}),
    (NET, "ModelVersionInput", {"inputDropout": DROPOUT}),
    (f"/v1/{PROJECT}/datasets?datasetId=d", "DatasetInput", {"manifestDigest": DIGEST}),
    (f"/v1/{PROJECT}/audits?auditId=a", "AuditInput", {"specification": SPECIFICATION}),
    (f"/v1/{PROJECT}/members?memberId=m", "MemberInput", {"role": "ROLE_VIEWER"}),
    (f"/v1/{PROJECT}/members/m:setRole", "SetMemberRoleRequestInput", {"role": "ROLE_VIEWER"}),
    (f"/v1/{PROJECT}/tokens", "TokenInput", {"principal": "m"}),
    (f"/v1/{PROJECT}/trustRules?trustRuleId=r", "TrustRuleInput", RULE),
    (f"/v1/{PROJECT}:exchangeToken", "ExchangeTokenRequestInput", EXCHANGE),
    (f"/v1/{PROJECT}/artifacts:uploadSmall", "UploadSmallArtifactsRequestInput", {"contents": ["YQ=="]}),
    (f"/v1/{PROJECT}:setRetention", "SetRetentionRequestInput", {"retention": {"imagesDays": 30}}),
    (f"/v1/{PROJECT}/holds?holdId=h", "HoldInput", {"held": f"{PROJECT}/audits/a", "reason": "incident 12"}),
    (f"/v1/{PROJECT}/audits/a:judge", "JudgeAuditRequestInput", {"policy": "version: 1"}),
]
REPORT = "/v1/projects/{project}/audits/{audit}:report"
SCHEMAS = document()["components"]["schemas"]


@pytest.fixture
def settings() -> Settings:
    return Settings(grpc_port=0, http_port=0, allow_executables=True)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    return SCHEMAS[schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema


def places(schema: dict[str, Any], value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Paths of the required fields that a value has."""
    schema = resolved(schema)
    if isinstance(value, list):
        for place, item in enumerate(value):
            yield from places(schema["items"], item, (*path, place))
    elif isinstance(value, dict):
        yield from ((*path, name) for name in schema.get("required", ()))
        for name, item in value.items():
            yield from places(schema["properties"][name], item, (*path, name))


def without(value: dict[str, Any], path: tuple[Any, ...]) -> dict[str, Any]:
    left = holder = copy.deepcopy(value)
    for part in path[:-1]:
        holder = holder[part]
    del holder[path[-1]]
    return left


CASES = [
    pytest.param(path, without(body, place), id=f"{schema}-{'.'.join(map(str, place))}")
    for path, schema, body in REQUESTS
    for place in places({"$ref": f"/{schema}"}, body)
]


@pytest.mark.long_after(3)
@pytest.mark.parametrize(("path", "body"), CASES)
async def test_a_request_without_what_is_required_is_refused_by_its_field(served, path, body):
    rest = served.rest()
    await rest.ask("POST", f"/v1/{PROJECT}/models?modelId=net", {})

    reply = await rest.ask("POST", path, body)

    assert reply.reason in {"FIELD_INVALID", "ARCHITECTURE_UNKNOWN"}, reply


def test_the_cases_leave_out_every_field_that_a_body_requires():
    seen = {case.id.rpartition(".")[2].rpartition("-")[2] for case in CASES}
    bodies = [schema for title, schema in SCHEMAS.items() if title.endswith("Input")]
    required = {name for schema in bodies for name in schema.get("required", ())}

    assert required - seen == set()


ANSWERED = [method for method in METHODS.values() if not method.server_streaming]


@pytest.mark.long_after(12)
@pytest.mark.parametrize("method", ANSWERED, ids=lambda method: method.name)
async def test_an_empty_response_has_the_required_fields(method):
    response = json.loads(await written(GetMessageClass(method.output_type)()))
    binding = next(bindings_of(method))
    described = document()["paths"][path_of(binding)][binding.verb.lower()]["responses"]["200"]["content"]

    schema = resolved(described["application/json"]["schema"])

    assert set(schema.get("required", ())) == response.keys()
    assert Draft202012Validator({**schema, "components": {"schemas": SCHEMAS}}).is_valid(response)


def test_a_body_may_be_left_out_where_nothing_in_it_is_required():
    needed = {
        operation["operationId"]: operation["requestBody"].get("required", False)
        for verbs in document()["paths"].values()
        for operation in verbs.values()
        if "requestBody" in operation
    }

    assert needed["CreateAudit"]
    assert needed["CreateDataset"]
    assert not needed["CreateModel"]
    assert not needed["CancelAudit"]


async def test_reports_come_in_the_media_types_that_are_described(served):
    audit = await served.audit()
    await served.succeed(audit)
    described = document()["paths"]["/v1/projects/{project}/audits/{audit}:report"]["get"]["responses"]["200"][
        "content"
    ]

    reply = await served.rest().ask("GET", f"/v1/{audit}:report?format=json")

    assert described.keys() == {media_type.partition(";")[0] for media_type in MEDIA_TYPES.values()}
    assert described["text/html"]["schema"]["type"] == "string"
    assert reply.headers["Content-Type"] == "application/json"
    assert Draft202012Validator(described["application/json"]["schema"]).is_valid(reply.json)
