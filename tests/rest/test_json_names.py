"""The errors of REST name fields as JSON does; those of gRPC as the contract does."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import modicum_server
import pytest
from modicum.v1.audit_service_pb2 import CreateAuditRequest
from modicum_server import errors
from modicum_server.transports.http.rest.json_names import in_json_names, json_path
from modicum_server.transports.refusals import refusal_of

from tests.rest.rest_stage import PROJECT, TOKENS
from tests.rest.two_doors import by_grpc, by_rest, names_in_json

VERSION = f"{PROJECT}/models/m/versions/1"
SEARCH = {"threshold": 0.9, "method": "SEARCH_METHOD_BACKSELECT", "pixelsPerStep": 2}


def audit(**changed: object) -> dict[str, object]:
    """A request for an audit."""
    specification = {"modelVersions": [VERSION], "dataset": f"{PROJECT}/datasets/d", "searches": [{"threshold": 0.9}]}
    return {"parent": PROJECT, "audit": {"specification": {**specification, **changed}}}


def version(**given: object) -> dict[str, object]:
    return {"parent": f"{PROJECT}/models/m", "modelVersion": given}


WEIGHTS = {"digest": "0" * 64, "architecture": "modicum:small_cnn"}
INPUT = {
    "channels": 1,
    "height": 8,
    "width": 8,
    "mean": [0],
    "std": [1],
    "interpolation": "bilinear",
    "lowerBound": 0,
    "upperBound": 1,
}


@pytest.mark.parametrize(
    ("method", "request_", "by_contract", "in_json"),
    [
        ("ListAudits", {"parent": PROJECT, "pageSize": -1}, "page_size", "pageSize"),
        (
            "CreateAudit",
            audit(modelVersions=[]),
            "audit.specification.model_versions",
            "audit.specification.modelVersions",
        ),
        (
            "CreateAudit",
            audit(modelVersions=[VERSION, "elsewhere"]),
            "audit.specification.model_versions[1]",
            "audit.specification.modelVersions[1]",
        ),
        (
            "CreateAudit",
            audit(searches=[{"threshold": 0.8}, SEARCH]),
            "audit.specification.searches[1].pixels_per_step",
            "audit.specification.searches[1].pixelsPerStep",
        ),
        (
            "CreateAudit",
            audit(statistics={"ratioLimit": 0.5}),
            "audit.specification.statistics.ratio_limit",
            "audit.specification.statistics.ratioLimit",
        ),
        (
            "CreateAudit",
            audit(counterfactualDataset="elsewhere"),
            "audit.specification.counterfactual_dataset",
            "audit.specification.counterfactualDataset",
        ),
        ("CreateModel", {"parent": PROJECT, "modelId": "No"}, "model_id", "modelId"),
        (
            "CreateModelVersion",
            version(weights=WEIGHTS, input=INPUT, classLabels=[""]),
            "model_version.class_labels[0]",
            "modelVersion.classLabels[0]",
        ),
        (
            "CreateModelVersion",
            version(inputDropout={"member": f"{PROJECT}/models/m/versions/1", "keepProbability": 2}),
            "model_version.input_dropout.keep_probability",
            "modelVersion.inputDropout.keepProbability",
        ),
        ("CreateMember", {"parent": PROJECT, "memberId": "No one!"}, "member_id", "memberId"),
    ],
)
async def test_a_field_is_named_as_in_the_contract_through_grpc_and_as_in_json_through_rest(
    served, method, request_, by_contract, in_json
):
    left = await by_grpc(served.channel, TOKENS["admin"], method, request_)
    right = await by_rest(served.rest(), method, request_)

    assert (left.metadata["field"], left.violations[0][0]) == (by_contract, by_contract)
    assert (right.metadata["field"], right.violations[0][0]) == (in_json, in_json)
    assert left.text.startswith(f"{by_contract}: ")
    assert right.text.startswith(f"{in_json}: ")


async def test_a_field_within_the_text_is_named_as_in_json_through_rest(served):
    request_ = version(weights=WEIGHTS, input={**INPUT, "lowerBound": 1, "upperBound": 0})

    left = await by_grpc(served.channel, TOKENS["admin"], "CreateModelVersion", request_)
    right = await by_rest(served.rest(), "CreateModelVersion", request_)

    assert "above `lower_bound` (1)" in left.text
    assert "above `lowerBound` (1)" in right.text
    assert right.violations[0][1] in right.text


async def test_a_query_in_the_names_of_the_contract_is_refused_in_those_of_json(served):
    reply = await served.rest().ask("GET", f"/v1/{PROJECT}/audits?page_size=many")

    assert reply.json["detail"].startswith("pageSize: expected")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("audit.specification.model_versions[3]", "audit.specification.modelVersions[3]"),
        ("audit.specification.searches[0].target_rule", "audit.specification.searches[0].targetRule"),
        ("audit_id", "auditId"),
        ("audit.specification.model_colour", "audit.specification.model_colour"),
        ("model_colour.audit_id", "model_colour.audit_id"),
        ("audit.audit_id", "audit.audit_id"),
        ("audit_id.audit_id", "auditId.audit_id"),
        ("audit_id[x]", "audit_id[x]"),
        ("Last-Event-ID", "Last-Event-ID"),
        ("", ""),
        ("a\nb", "a\nb"),
    ],
)
def test_only_fields_are_renamed(path, says):
    assert json_path(path, CreateAuditRequest.DESCRIPTOR) == says


def test_words_that_are_no_fields_stay_in_the_text():
    error = errors.FilterInvalid("expected `audit_id` or fill_robust or `fill_robust`, got audit_id")
    told = in_json_names(refusal_of(error, "r"), CreateAuditRequest.DESCRIPTOR)

    assert told.text == "expected `auditId` or fill_robust or `fill_robust`, got audit_id"


def errors_made() -> Iterator[tuple[str, str]]:
    """Each text in the making of an error, and its place. Expressions within it are left out."""
    kinds = {name for name, kind in vars(errors).items() if isinstance(kind, type)}
    root = Path(modicum_server.__file__).parent
    for path in sorted(root.rglob("*.py")):
        for call in ast.walk(ast.parse(path.read_text())):
            if not isinstance(call, ast.Call):
                continue
            name = ast.unparse(call.func).split(".")[-1]
            if name in kinds or name.endswith(("Full", "Passes", "Impossible", "Invalid", "Exists")):
                given = call.args[1:] if name == "FieldInvalid" else call.args
                yield (
                    f"{path.name}:{call.lineno}",
                    " ".join(
                        part.value
                        for one in given
                        for part in ast.walk(one)
                        if isinstance(part, ast.Constant) and isinstance(part.value, str)
                    ),
                )


def test_every_field_in_the_text_of_an_error_is_marked():
    names = {name for name, in_json in names_in_json().items() if name != in_json}
    bare = [
        (place, word)
        for place, text in errors_made()
        for word in re.findall(r"(?<![`\w.=])[a-z]+_[a-z_]+(?![`\w])", text)
        if word in names
    ]

    assert "lower_bound" in names
    assert bare == []
