"""The service beyond a single audit: reused results, costs, repeated requests, lists in JSON."""

import json
import uuid

import grpc
import pytest
from modicum.v1 import audit_pb2, audit_service_pb2, audit_service_pb2_grpc, search_pb2

from tests.acceptance.acceptance_stage import ARCHITECTURE, PHOTOGRAPHS

MODEL = ("--weights", "w.safetensors", "--architecture", ARCHITECTURE, "--input", "input.toml")
QUICK = ("--threshold", 0.9, "--passes", 40, "--no-controls")


@pytest.fixture
def registered(place):
    """A model version and a data set, registered with the commands."""
    model = place.run("modicum", "models", "create", "m", *MODEL, "--class-labels", "labels.txt", "--json")
    dataset = place.run("modicum", "datasets", "create", "d", "photos", "--json")
    assert (model.code, dataset.code) == (0, 0), model.messages + dataset.messages
    return model.document, dataset.document


def created(place, *words):
    done = place.run("modicum", "audits", "create", "--model", "m", "--dataset", "d", *QUICK, *words, "--json")
    assert done.code == 0, done.messages
    return done.document


@pytest.mark.long
def test_an_identical_audit_reuses_the_stored_result_unless_told_otherwise(place, registered):
    first = created(place, "--seed", 11, "--no-reuse")
    assert place.run("modicum", "audits", "watch", first["name"]).code == 0

    again = created(place, "--seed", 11)
    fresh = created(place, "--seed", 11, "--no-reuse")

    assert again["state"] == "SUCCEEDED"
    assert again["reused_from"] == first["name"]
    assert (
        again["result_digest"]
        == place.run("modicum", "audits", "show", first["name"], "--json").document["result_digest"]
    )
    assert fresh["reused_from"] == ""
    assert place.run("modicum", "audits", "delete", first["name"]).code in {0, 2}
    assert place.run("modicum", "audits", "report", again["name"], "--output", "kept.json").code == 0
    assert len(json.loads((place.folder / "kept.json").read_text())["rows"]) == PHOTOGRAPHS


def test_a_dry_run_reports_the_cost_and_writes_nothing(place, registered):
    before = names_of_audits(place)

    cost = created(place, "--validate-only", "--passes", 41)

    assert cost["images_total"] == PHOTOGRAPHS
    assert cost["passes_planned"] >= 41 * PHOTOGRAPHS
    assert names_of_audits(place) == before


def names_of_audits(place):
    """The names of all audits. Their states are left out: one that another test began may still end."""
    return [audit["name"] for audit in place.run("modicum", "audits", "list", "--json").document]


@pytest.mark.long
def test_a_request_sent_twice_creates_one_audit(server, place, registered):
    model, dataset = registered
    request = audit_service_pb2.CreateAuditRequest(
        parent="projects/default",
        request_id=str(uuid.uuid4()),
        no_reuse=True,
        audit=audit_pb2.Audit(
            specification=audit_pb2.AuditSpecification(
                model_versions=[model["name"]],
                dataset=dataset["name"],
                searches=[search_pb2.Search(threshold=0.9, passes=40)],
                no_controls=True,
            )
        ),
    )
    metadata = (("authorization", f"Bearer {server.token}"),)
    with grpc.insecure_channel(server.address) as channel:
        create = audit_service_pb2_grpc.AuditServiceStub(channel).CreateAudit
        first, again = create(request, metadata=metadata), create(request, metadata=metadata)
        request.audit.specification.seed = 99
        with pytest.raises(grpc.RpcError) as caught:
            create(request, metadata=metadata)

    assert first.name == again.name
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS


@pytest.mark.long
def test_every_list_and_show_is_json_on_stdout_and_nothing_else(place, registered):
    model, dataset = registered
    audit = created(place, "--no-reuse")
    place.run("modicum", "audits", "watch", audit["name"])

    def document(*words):
        done = place.run("modicum", *words, "--json")
        assert done.code == 0, done.messages
        return done.document

    assert "projects/default/models/m" in {each["name"] for each in document("models", "list")}
    assert document("models", "show", "m")["digest"] == model["digest"]
    assert dataset["name"] in {each["name"] for each in document("datasets", "list")}
    shown = document("datasets", "show", "d", "--items", 2)
    assert (shown["dataset"]["item_count"], len(shown["items"])) == (PHOTOGRAPHS, 2)
    assert audit["name"] in {each["name"] for each in document("audits", "list")}
    assert document("audits", "show", audit["name"])["state"] == "SUCCEEDED"
    assert document("audits", "report", audit["name"])["audit"] == audit["name"]
    assert document("audits", "cancel", audit["name"])["state"] == "SUCCEEDED"
    assert document("audits", "delete", audit["name"]) == {"deleted": audit["name"]}
    gone = place.run("modicum", "audits", "show", audit["name"], "--json")
    assert (gone.code, gone.output) == (2, "")


@pytest.mark.long
def test_resources_that_an_audit_refers_to_cannot_be_deleted(place, registered):
    created(place)

    for words in (("models", "delete", "m"), ("datasets", "delete", "d")):
        done = place.run("modicum", *words)
        assert done.code == 2
        assert "audits/" in done.messages


def test_reports_of_a_stored_audit_can_be_written_later(place, registered):
    audit = created(place, "--no-reuse")
    place.run("modicum", "audits", "watch", audit["name"])

    done = place.run("modicum", "audits", "report", audit["name"], "--output", "late.html", "--output", "late.json")

    assert done.code == 0, done.messages
    assert "<html" in (place.folder / "late.html").read_text()
    assert audit["name"] in (place.folder / "late.json").read_text()
