"""The name of a model stands for its newest READY version, and one bad upload does not take it away."""

import pytest
from modicum import errors
from modicum.v1 import model_pb2

NEWEST, READY = (f"projects/default/models/m/versions/{number}" for number in (3, 2))
State = model_pb2.ModelVersion.State


def asked_for(script):
    return [request.name for request in script.calls["GetModelVersion"]]


@pytest.mark.parametrize("name", ["m", "projects/default/models/m"])
@pytest.mark.parametrize("state", [State.STATE_REJECTED, State.STATE_PENDING])
def test_the_name_of_a_model_is_its_newest_ready_version(client, script, name, state):
    script.model = {"latest_version": NEWEST, "latest_version_state": state, "latest_ready_version": READY}

    assert client.models.version(name).name == READY
    assert asked_for(script) == [READY]


def test_an_audit_of_a_model_is_of_its_newest_ready_version(client, script):
    state = State.STATE_REJECTED
    script.model = {"latest_version": NEWEST, "latest_version_state": state, "latest_ready_version": READY}

    client.audits.create(models=["m"], dataset="d", thresholds=[0.9])

    assert list(script.calls["CreateAudit"][0].audit.specification.model_versions) == [READY]


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ({}, "m has no version yet; register one with `modicum models create`"),
        (
            {"latest_version": NEWEST, "latest_version_state": State.STATE_REJECTED},
            "no version of m is READY; the newest, m/3, is REJECTED: `modicum models show m/3` says why; register",
        ),
        (
            {"latest_version": NEWEST, "latest_version_state": State.STATE_PENDING},
            "no version of m is READY; the newest, m/3, is PENDING: wait until a worker has checked it, or name m/3",
        ),
    ],
    ids=["none", "rejected", "pending"],
)
def test_without_a_ready_version_the_error_says_what_to_do(client, script, model, says):
    script.model = model

    with pytest.raises(errors.NotFound) as caught:
        client.models.version("m")

    assert says in str(caught.value)
    assert not asked_for(script)


def test_an_older_server_does_not_say_which_version_is_ready(client, script):
    script.model = {"latest_version": NEWEST}

    assert client.models.version("m").name == NEWEST
    assert client.models.get("m").latest_version_state is None
