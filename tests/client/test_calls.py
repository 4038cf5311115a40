"""One call: tokens, retries with one request id, deadlines, errors, pages."""

import gc
import weakref
from datetime import UTC, datetime

import grpc
import numpy as np
import pytest
from google.protobuf import any_pb2
from google.rpc import error_details_pb2, status_pb2
from modicum import AsyncClient, Client, Control, ControlPlan, Model, errors
from modicum.cli.exit_codes import exit_code
from modicum.grpc_errors import CLASS_OF_CODE, error_of
from modicum.retrying import CALLS

from tests.client.scripted_service import VERSION
from tests.clock import Pauses
from tests.model_files import SAFETENSORS

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
MODEL = Model("projects/default/models/m", VERSION, datetime(2026, 11, 26, tzinfo=UTC))


@pytest.fixture
def weights(tmp_path):
    path = tmp_path / "w.safetensors"
    path.write_bytes(SAFETENSORS)
    return path


def register(client, weights, **arguments):
    return client.models.register(
        "m", weights=weights, architecture="torchvision:resnet18", input="imagenet", **arguments
    )


def test_every_call_carries_the_token(client, script):
    client.models.get("m")

    assert script.metadata[-1]["authorization"] == "Bearer secret"
    assert script.metadata[-1]["user-agent"].startswith("modicum-python/")


def test_a_broken_call_is_retried_with_the_same_request_id(client, script, weights):
    script.steps["CreateModel"] = [UNAVAILABLE, UNAVAILABLE]

    register(client, weights, wait=False)

    ids = [request.request_id for request in script.calls["CreateModel"]]
    assert len(ids) == 3
    assert len(set(ids)) == 1
    assert ids[0] != script.calls["CreateModelVersion"][0].request_id


def test_a_call_that_an_overloaded_server_cancelled_is_retried(client, script):
    script.steps["GetModel"] = [grpc.StatusCode.CANCELLED]

    assert client.models.get("m").name

    assert len(script.calls["GetModel"]) == 2


def limited(seconds: float):
    """A refusal at a limit, with the time after which to try again."""
    return (grpc.StatusCode.RESOURCE_EXHAUSTED, "SHARE_EXCEEDED", {}, (), seconds)


def test_a_call_that_is_told_to_wait_is_made_again_after_that_time(client, script):
    client._connection.pause = pauses = Pauses()
    script.steps["GetModel"] = [limited(7.0), limited(7.0)]

    assert client.models.get("m").name

    assert len(script.calls["GetModel"]) == 3
    assert pauses == [7.0, 7.0]


def test_a_call_that_is_told_to_wait_beyond_its_deadline_fails_at_once(client, script):
    script.steps["GetModel"] = [limited(3600.0)]

    with pytest.raises(errors.ResourceExhausted):
        client.models.get("m")

    assert len(script.calls["GetModel"]) == 1


def test_a_server_that_has_replied_before_gets_time_to_restart(client, script):
    client.models.get("m")
    script.steps["GetModel"] = [UNAVAILABLE] * (CALLS.attempts + 3)

    assert client.models.get("m").name

    assert len(script.calls["GetModel"]) == 1 + CALLS.attempts + 3 + 1


def test_a_server_that_never_replied_is_given_up_soon(client, script):
    script.steps["GetModel"] = [UNAVAILABLE] * (CALLS.attempts + 3)

    with pytest.raises(errors.Unreachable):
        client.models.get("m")

    assert len(script.calls["GetModel"]) == CALLS.attempts


def test_a_refusal_is_not_retried_and_has_a_reason_and_metadata(client, script):
    script.steps["GetModel"] = [(grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND", {"model": "m"})]

    with pytest.raises(errors.NotFound, match="the message") as caught:
        client.models.get("m")

    assert (caught.value.reason, caught.value.code) == ("MODEL_NOT_FOUND", "NOT_FOUND")
    assert caught.value.metadata["model"] == "m"
    assert len(script.calls["GetModel"]) == 1


def test_field_violations_are_part_of_the_message(client, script):
    script.steps["GetModel"] = [
        (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", {}, [("name", "expected a model, got nothing")])
    ]

    with pytest.raises(errors.InvalidArgument, match="the message; name: expected a model, got nothing"):
        client.models.get("m")


@pytest.mark.parametrize("reason", ["ARCHITECTURE_UNKNOWN", "ARCHITECTURE_UNAVAILABLE"])
def test_a_refused_architecture_is_a_rejected_model_and_nothing_was_uploaded(client, script, weights, reason):
    script.steps["CreateModelVersion"] = [(grpc.StatusCode.FAILED_PRECONDITION, reason)]

    with pytest.raises(errors.ModelRejected) as caught:
        register(client, weights)

    assert exit_code(caught.value) == 5
    assert script.calls["CreateModelVersion"][0].validate_only
    assert not {"FindMissingArtifacts", "UploadArtifact", "UploadSmallArtifacts", "CreateModel"} & script.calls.keys()


@pytest.mark.parametrize("reason", ["ARTIFACT_MISSING", "MODEL_NOT_FOUND"])
def test_what_a_version_lacks_before_its_upload_does_not_refuse_it(client, script, weights, reason):
    script.steps["CreateModelVersion"] = [(grpc.StatusCode.FAILED_PRECONDITION, reason)]

    assert register(client, weights, wait=False).name == VERSION


def test_a_lost_reply_to_a_deletion_is_not_an_error(client, script):
    script.steps["DeleteModel"] = [UNAVAILABLE, (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")]

    client.models.delete("m")

    assert len(script.calls["DeleteModel"]) == 2


def test_deleting_what_does_not_exist_is_an_error(client, script):
    script.steps["DeleteModel"] = [(grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")]

    with pytest.raises(errors.NotFound):
        client.models.delete("m")


def test_a_slow_server_exceeds_the_deadline(address, script):
    script.steps["GetModel"] = [600.0]

    with Client(address, timeout_seconds=0.3) as client, pytest.raises(errors.DeadlineExceeded, match="in time"):
        client.models.get("m")


def test_an_unreachable_server_is_named_with_what_to_check(quick_retries):
    with Client("127.0.0.1:1") as client, pytest.raises(errors.Unreachable, match=r"127\.0\.0\.1:1.*MODICUM_ADDRESS"):
        client.models.get("m")


def test_a_page_of_a_list_is_fetched_when_its_first_row_is_needed(client, script):
    rows = client.models.list()

    assert [next(rows).name[-2:] for _ in range(2)] == ["m0", "m1"]
    assert len(script.calls["ListModels"]) == 1
    assert [model.name[-2:] for model in rows] == ["m2", "m3", "m4", "m5"]
    assert [request.page_token for request in script.calls["ListModels"]] == ["", "1", "2"]


def test_registering_waits_until_the_version_is_ready(client, script, weights):
    script.version_states = [1, 1, 2]

    version = register(client, weights, class_labels=["cat", "dog"])

    assert version.state == "READY"
    assert version.class_name(1) == "dog"
    assert len(script.calls["GetModelVersion"]) == 3


def test_a_version_that_fails_its_check_raises_with_the_reason(client, script, weights):
    script.version_states = [1, 3]

    with pytest.raises(errors.ModelRejected, match=r"expected fc\.weight") as caught:
        register(client, weights)

    assert caught.value.reason == "STATE_DICT_MISMATCH"


@pytest.mark.parametrize(
    ("none_there", "advice"),
    [(False, "check that a worker is running"), (True, "no running worker can check it; start one")],
)
def test_a_version_that_is_not_checked_exceeds_the_timeout(client, script, weights, none_there, advice):
    script.version_states, script.waits_for_worker = [1], none_there

    with pytest.raises(errors.DeadlineExceeded, match=advice):
        register(client, weights, timeout_seconds=0.2)


def test_a_wait_warns_once_why_a_try_of_the_check_failed(client, script, weights, caplog):
    script.version_states, script.failed_tries = [1, 1, 1, 2], ["", "try 1 of 2 failed", "try 1 of 2 failed", ""]

    register(client, weights)

    assert [entry.getMessage() for entry in caplog.records] == ["model m/1: try 1 of 2 failed. It is tried again."]


def test_a_watch_yields_what_a_check_waits_for_when_it_is_new(client, script):
    script.version_states, script.failed_tries = [1, 1, 1, 2], ["", "try 1 of 2 failed", "try 1 of 2 failed", ""]

    seen = [(version.state, version.failed_try) for version in client.models.watch(VERSION)]

    assert seen == [("PENDING", ""), ("PENDING", "try 1 of 2 failed"), ("READY", "")]


def test_a_check_that_takes_too_long_says_why_its_last_try_failed(client, script, weights):
    script.version_states, script.failed_tries = [1], ["try 1 of 2 failed"]

    with pytest.raises(errors.DeadlineExceeded, match=r"try 1 of 2 failed\. It is tried again"):
        register(client, weights, timeout_seconds=0.2)


def test_a_part_of_a_client_keeps_the_local_server_running(address):
    client = Client(address, token="secret")
    attachment, models = weakref.ref(client._attachment), client.models

    del client
    gc.collect()
    assert attachment() is not None

    models._portal.close()


async def test_the_asynchronous_client_works_like_the_synchronous_one(address, script):
    async with AsyncClient(address, token="secret") as client:
        names = [model.name async for model in client.models.list()]
        model = await client.models.get("m")

    assert len(names) == 6
    assert model.name == "projects/default/models/m"


def test_a_closed_client_can_be_closed_again_and_refuses_calls(address):
    client = Client(address)
    client.close()
    client.close()

    with pytest.raises(errors.InvalidArgument, match="the client is closed"):
        client.models.get("m")


def test_every_status_has_a_class():
    assert set(CLASS_OF_CODE) == set(grpc.StatusCode) - {grpc.StatusCode.OK}


def failure(code, text, reason=""):
    status = status_pb2.Status(code=code.value[0], message=text)
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.ErrorInfo(reason=reason, domain="modicum"))
    status.details.append(packed)
    metadata = (
        grpc.aio.Metadata(("grpc-status-details-bin", status.SerializeToString())) if reason else grpc.aio.Metadata()
    )
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, details=text)


@pytest.mark.parametrize(
    ("code", "text", "reason", "says"),
    [
        (
            "UNAUTHENTICATED",
            "The token is not one of this server's.",
            "TOKEN_UNKNOWN",
            "this server's; set MODICUM_TOKEN",
        ),
        ("FAILED_PRECONDITION", "it takes an index.", "LABEL_UNKNOWN", "an index; register the model with the names"),
        ("FAILED_PRECONDITION", "A label is unknown.", "LABEL_UNKNOWN", "(--class-labels)"),
        ("INVALID_ARGUMENT", "One sentence.", "FIELD_INVALID", "One sentence."),
        (
            "UNAVAILABLE",
            "failed: [errors: UNKNOWN: Domain name not found]",
            "",
            "(Domain name not found): check that it runs",
        ),
        ("UNAVAILABLE", "last error: ipv6:%5B::1%5D:1: refused [::1]", "", "(refused [::1]): check that it runs"),
    ],
)
def test_messages_are_joined_without_stray_punctuation(code, text, reason, says):
    error = error_of(failure(grpc.StatusCode[code], text, reason), address="host:1")

    assert says in str(error)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"dataset": "\ud800"}, "name in datasets: expected text in UTF-8, got \\xed\\xa0\\x80"),
        ({"models": ["\ud800/versions/1"]}, "expected text in UTF-8"),
        ({"device": "\ud800"}, "device: expected text in UTF-8"),
        ({"name": "\ud800"}, "name: expected text in UTF-8"),
        ({"name": None}, "name: expected text, got None"),
        ({"device": None}, "device: expected text, got None"),
        ({"target_rules": ["x"]}, "target_rules: expected one of predicted, random_other; got 'x'"),
        ({"controls": ["x"]}, "controls: expected NAME, NAME:IMAGES"),
        ({"controls": ["fill:x"]}, "controls 'fill:x': expected IMAGES"),
        ({"pixel_subsets": 16, "pixel_subsets_method": "x"}, "pixel_subsets_method: expected one of"),
        ({"passes": 1.5}, "passes: expected a whole number from 0"),
        ({"seed": "1"}, "seed: expected a whole number from 0"),
        ({"thresholds": "0.5"}, "thresholds: expected a list of numbers, e.g. [0.9], got '0.5'"),
        ({"thresholds": 0.5}, "thresholds: expected a list of numbers, e.g. [0.9], got 0.5"),
        ({"thresholds": ["0.5"]}, "thresholds: expected a number above 0 and below 1, e.g. 0.9; got '0.5'"),
        ({"models": "m"}, "models: expected a list of models, versions or names, e.g. ['resnet18'], got 'm'"),
        ({"models": MODEL}, "models: expected a list of models, versions or names, e.g. ['resnet18'], got Model(name="),
        ({"models": [7]}, "models: expected a model, a version, or the name of one; got 7"),
        ({"dataset": MODEL}, "dataset: expected a data set or its name, got Model(name="),
        ({"out_of_distribution": MODEL}, "out_of_distribution: expected a data set or its name, got Model(name="),
        ({"counterfactual": MODEL}, "counterfactual: expected a data set or its name, got Model(name="),
        ({"controls": "random"}, "controls: expected a list of controls, e.g. ['random'], got 'random'"),
        ({"controls": Control.RANDOM}, "controls: expected a list of controls, e.g. ['random'], got <Control.RANDOM"),
        (
            {"controls": ControlPlan(Control.FILL)},
            "controls: expected a list of controls, e.g. ['random'], got Control",
        ),
        ({"target_rules": "predicted"}, "target_rules: expected a list of names, e.g. ['predicted'], got 'predicted'"),
        ({"fraction": "0.5"}, "fraction: expected 0 (one pixel in each step)"),
        ({"validate_only": "yes"}, "validate_only: expected True or False, got 'yes'"),
        ({"validate_only": 1}, "validate_only: expected True or False, got 1"),
        ({"reuse": "no"}, "reuse: expected True or False, got 'no'"),
        ({"matched": None}, "matched: expected True or False, got None"),
        ({"canvas": "32"}, "canvas: expected a Canvas, e.g. Canvas(channels=3, height=32, width=32); got '32'"),
        (
            {"canvas": (3, 32, 32)},
            "canvas: expected a Canvas, e.g. Canvas(channels=3, height=32, width=32); got (3, 32",
        ),
    ],
)
def test_an_argument_of_another_type_is_refused_before_any_call(client, script, changes, says):
    script.calls.clear()

    with pytest.raises(errors.InvalidArgument) as caught:
        client.audits.create(**{"models": [VERSION], "dataset": "d", "thresholds": [0.9], **changes})

    assert says in str(caught.value)
    assert not script.calls.get("CreateAudit")


@pytest.mark.parametrize(
    "model",
    [MODEL, MODEL.name, "m", "m/1", VERSION],
    ids=["a model", "its full name", "its name", "a version's short name", "a version's full name"],
)
def test_an_audit_and_an_ensemble_accept_every_way_to_name_a_version(client, script, model):
    script.calls.clear()

    client.audits.create(models=[model], dataset="d", thresholds=[0.9])
    client.models.ensemble("both", members=[model, client.models.version(VERSION)])

    assert script.calls["CreateAudit"][0].audit.specification.model_versions == [VERSION]
    assert script.calls["CreateModelVersion"][0].model_version.ensemble.members == [VERSION, VERSION]


def test_members_of_an_ensemble_must_be_a_list(client):
    with pytest.raises(errors.InvalidArgument, match=r"members: expected a list of models, .*, got 'm'"):
        client.models.ensemble("both", members="m")


def test_every_search_gets_all_items_of_any_iterable(client, script):
    script.calls.clear()

    rules = (rule for rule in ("predicted", "random_other"))
    client.audits.create(
        models=iter(["m"]), dataset="d", thresholds=np.array([0.5, 0.9]), target_rules=rules, controls=np.array([])
    )

    asked = script.calls["CreateAudit"][0].audit.specification
    assert [search.threshold for search in asked.searches] == pytest.approx([0.5, 0.9, 0.5, 0.9])
    assert asked.no_controls
