"""An endpoint that says that its model is not ready is asked again for a while, and then refused."""

import grpc
import pytest
from modicum_server.endpoints.adding import entry_of, unreachable_text
from modicum_server.model_server import TaskFailed

from tests.endpoints.entries import added, asked
from tests.endpoints.oip_server import served
from tests.endpoints.test_calls import answered, failure

ALWAYS = 1_000


async def test_a_model_that_is_still_loading_is_asked_again(url, behaviour):
    entry, source = await added(url)
    behaviour.unready = 1

    assert (await answered(entry, source)).shape == (5, 2)
    assert behaviour.unready < 0


async def test_a_model_that_stays_unready_is_refused_in_time_and_gets_no_images(url, behaviour):
    entry, source = await added(url)
    behaviour.unready = ALWAYS

    failed = await failure(entry, source, hang_seconds=0.5)

    assert failed.task_reason == "ENDPOINT_UNREACHABLE"
    assert not failed.model_at_fault
    assert str(failed) == (
        "endpoint halves could not be used in 1 request: it says that its model is not ready. Wait until the model is "
        "loaded, or ask the operator of the endpoint to look at the log of the model's server"
    )
    assert behaviour.batches == []


@pytest.mark.parametrize("status", [200, 503])
async def test_servers_that_say_it_with_another_status_are_understood(behaviour, status):
    with served(behaviour) as addresses:
        entry, source = await added(addresses["http"])
        behaviour.unready, behaviour.unready_status = ALWAYS, status
        failed = await failure(entry, source, hang_seconds=0.5)

    assert failed.task_reason == "ENDPOINT_UNREACHABLE"
    assert behaviour.batches == []


@pytest.mark.parametrize("status", [404, 405, 501])
async def test_an_endpoint_over_rest_that_does_not_know_the_question_is_audited(behaviour, status):
    behaviour.ready_status = status
    with served(behaviour) as addresses:
        assert (await answered(*await added(addresses["http"]))).shape == (5, 2)


@pytest.mark.parametrize("code", [grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND])
async def test_an_endpoint_over_grpc_that_does_not_know_the_question_is_audited(behaviour, code):
    behaviour.ready_code = code
    with served(behaviour) as addresses:
        assert (await answered(*await added(addresses["grpc"]))).shape == (5, 2)


async def test_a_model_that_is_not_ready_is_not_added_and_its_address_is_not_doubted(url, behaviour):
    behaviour.unready = ALWAYS

    with pytest.raises(TaskFailed) as failed:
        await entry_of(asked(url), patience_seconds=0.1)

    assert unreachable_text(failed.value, asked(url)) == str(failed.value)
    assert "its model is not ready. Wait until the model is loaded" in str(failed.value)
