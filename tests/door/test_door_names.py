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
def test_a_text_that_shows_as_another_is_refused(rule, value):
    with pytest.raises(FieldInvalid, match="expected"):
        check("field", value, rule)


@pytest.mark.parametrize("value", LETTERS)
@pytest.mark.parametrize("rule", ["item", "label", "class_label"])
def test_letters_of_every_script_are_taken(rule, value):
    check("field", value, rule)


async def test_an_id_is_refused_whatever_it_hides(door):
    asked = {
        "CreateProject": "projectId",
        "CreateModel": "modelId",
        "CreateDataset": "datasetId",
        "CreateAudit": "auditId",
    }
    for value in [*DECEIVING.values(), *LEAVING.values(), *LETTERS]:
        for method, field in asked.items():
            if method == "CreateAudit" and not value:
                continue  # left to the server
            answer = await door.ask(
                method, {"parent": PROJECT, field: value} if field != "projectId" else {field: value}
            )

            assert (answer.code, answer.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID"), (method, value, answer)
            assert "\u202e" not in answer.text


async def test_a_resource_s_name_is_refused_whatever_it_hides(door):
    for value in [*DECEIVING.values(), *LEAVING.values()]:
        for method in ("GetProject", "GetModel", "GetAudit", "GetArtifact", "DownloadArtifact", "GetAuditReport"):
            for name in (value, f"{PROJECT}/audits/{value}", f"{PROJECT}/artifacts/{value}"):
                answer = await door.ask(method, {"name": name})

                assert (answer.code, answer.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID"), (method, name, answer)


@pytest.mark.parametrize("key", ["item", "label"])
async def test_a_manifest_names_the_line_of_such_a_name_and_shows_it_harmless(door, key):
    image = await door.upload(b"image")
    for value in DECEIVING.values():
        row = {"item": "b.png", "image": image, key: value}
        manifest = await door.upload(json.dumps(row).encode())
        request = {"parent": PROJECT, "datasetId": "odd", "dataset": {"manifestDigest": manifest}}

        answer = await door.ask("CreateDataset", request)

        assert (answer.code, answer.reason) == (Code.INVALID_ARGUMENT, "MANIFEST_INVALID"), answer
        assert f"line 1 of the manifest: {key}" in answer.text
        assert "\u202e" not in answer.text


async def test_a_class_name_that_shows_as_another_is_refused_with_its_place(door):
    version = {
        "weights": {"digest": door.names["digest"], "architecture": "torchvision:resnet18"},
        "input": {"channels": 1, "height": 8, "width": 8, "upperBound": 1, "interpolation": "nearest"}
        | {"mean": [0.5], "std": [0.5]},
        "classLabels": ["cat", "d\u202eog"],
    }

    answer = await door.ask("CreateModelVersion", {"parent": door.names["model"], "modelVersion": version})

    assert answer.reason == "FIELD_INVALID"
    assert "model_version.class_labels[1]" in answer.text
