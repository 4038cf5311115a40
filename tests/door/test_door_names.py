"""Names from users: names that could deceive a reader or leave a folder are refused everywhere."""

import json

import grpc
import pytest
from modicum_server.errors import FieldInvalid
from modicum_server.usecases.rules import check

from tests.door.door_stage import PROJECT

Code = grpc.StatusCode
DECEIVING = {
    "turned around": "invoice\u202egnp.exe",
    "isolated": "a\u2067b\u2069",
    "marked": "a\u200fb",
    "marked in Arabic": "a\u061cb",
    "a line": "a\nb",
    "a line of Unicode": "a\u2028b",
    "a terminal's": "a\x9b31mb",
    "escape": "a\x1b[31m",
    "NUL": "a\x00b",
}
LEAVING = {
    "up": "../a",
    "up in the middle": "a/../../b",
    "absolute": "/etc/passwd",
    "a drive": "C:\\x",
    "a share": "\\\\x\\y",
    "4 KB": "x" * 4096,
    "empty": "",
}
LETTERS = ["שלום/תמונה.png", "صورة.png", "größe.png", "图.png", "e\u0301.png", "\U0001f600.png", "a\u200db.png"]


@pytest.mark.parametrize("value", DECEIVING.values(), ids=DECEIVING)
@pytest.mark.parametrize("rule", ["item", "label", "class_label", "filter"])
def test_text_that_displays_as_another_text_is_refused(rule, value):
    with pytest.raises(FieldInvalid, match="expected"):
        check("field", value, rule)


@pytest.mark.parametrize("value", LETTERS)
@pytest.mark.parametrize("rule", ["item", "label", "class_label"])
def test_letters_of_every_script_are_accepted(rule, value):
    check("field", value, rule)


@pytest.mark.long
async def test_an_id_with_hidden_characters_is_refused(door):
    fields = {
        "CreateProject": "projectId",
        "CreateModel": "modelId",
        "CreateDataset": "datasetId",
        "CreateAudit": "auditId",
    }
    for value in [*DECEIVING.values(), *LEAVING.values(), *LETTERS]:
        for method, field in fields.items():
            if method == "CreateAudit" and not value:
                continue  # left to the server
            reply = await door.call_json(
                method, {"parent": PROJECT, field: value} if field != "projectId" else {field: value}
            )

            assert (reply.code, reply.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID"), (method, value, reply)
            assert "\u202e" not in reply.text


async def test_a_resource_name_with_hidden_characters_is_refused(door):
    for value in [*DECEIVING.values(), *LEAVING.values()]:
        for method in ("GetProject", "GetModel", "GetAudit", "GetArtifact", "DownloadArtifact", "GetAuditReport"):
            for name in (value, f"{PROJECT}/audits/{value}", f"{PROJECT}/artifacts/{value}"):
                reply = await door.call_json(method, {"name": name})

                assert (reply.code, reply.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID"), (method, name, reply)


@pytest.mark.long_after(1)
@pytest.mark.parametrize("key", ["item", "label"])
async def test_a_manifest_error_names_the_line_and_escapes_the_name(door, key):
    image = await door.upload(b"image")
    for value in DECEIVING.values():
        row = {"item": "b.png", "image": image, key: value}
        manifest = await door.upload(json.dumps(row).encode())
        request = {"parent": PROJECT, "datasetId": "odd", "dataset": {"manifestDigest": manifest}}

        reply = await door.call_json("CreateDataset", request)

        assert (reply.code, reply.reason) == (Code.INVALID_ARGUMENT, "MANIFEST_INVALID"), reply
        assert f"line 1 of the manifest: {key}" in reply.text
        assert "\u202e" not in reply.text


async def test_a_class_name_that_displays_as_another_is_refused_with_its_place(door):
    version = {
        "weights": {"digest": door.names["digest"], "architecture": "torchvision:resnet18"},
        "input": {"channels": 1, "height": 8, "width": 8, "upperBound": 1, "interpolation": "nearest"}
        | {"mean": [0.5], "std": [0.5]},
        "classLabels": ["cat", "d\u202eog"],
    }

    reply = await door.call_json("CreateModelVersion", {"parent": door.names["model"], "modelVersion": version})

    assert reply.reason == "FIELD_INVALID"
    assert "model_version.class_labels[1]" in reply.text
