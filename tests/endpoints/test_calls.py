"""Calls of a real server of the protocol over both transports, which behaves well and badly."""

import asyncio
import threading

import grpc
import numpy as np
import pytest
from modicum_server.endpoints.answers import EndpointRefused, checked_scores, refuse_other_canvas
from modicum_server.endpoints.calls import EndpointCalls, Rate
from modicum_server.model_server import TaskFailed

from tests.endpoints.entries import VERSION, Kept, added
from tests.endpoints.oip_server import Behaviour, scores_of, served

IMAGES = np.random.default_rng(0).random((5, 3, 8, 8), np.float32)


async def answered(entry, source, *, images=IMAGES, hang_seconds=60.0, version=VERSION, alive=lambda: None):
    calls = EndpointCalls(Kept(entry), hang_seconds=hang_seconds)
    async with calls.opened(source, version, alive) as endpoint:
        scores = await endpoint.scores(images.shape, images.astype("<f4").tobytes())
    return np.frombuffer(scores.values, "<f4").reshape(-1, scores.class_count)


async def failure(entry, source, **given):
    with pytest.raises(TaskFailed) as failed:
        await answered(entry, source, **given)
    return failed.value


async def test_scores_are_those_of_the_model_in_requests_of_the_entrys_size(url, behaviour):
    lives = []
    scores = await answered(*await added(url, images_per_request=2), alive=lambda: lives.append(1))

    np.testing.assert_allclose(scores, scores_of(IMAGES), rtol=1e-6)
    assert behaviour.batches == [2, 2, 1]
    assert len(lives) == 3


async def test_a_model_with_a_fixed_batch_gets_one_image_at_a_time(url, behaviour):
    behaviour.shape = (1, 3, 8, 8)

    scores = await answered(*await added(url))

    np.testing.assert_allclose(scores, scores_of(IMAGES), rtol=1e-6)
    assert behaviour.batches == [1] * 5


async def test_scores_in_typed_contents_are_read_too(behaviour):
    behaviour.typed = True
    with served(behaviour) as addresses:
        scores = await answered(*await added(addresses["grpc"]))

    np.testing.assert_allclose(scores, scores_of(IMAGES), rtol=1e-6)


async def test_the_credential_is_sent_and_its_file_is_all_that_the_entry_holds(url, behaviour, tmp_path):
    (tmp_path / "token").write_text("s3cret\n")

    entry, source = await added(url, credential_file=str(tmp_path / "token"))
    await answered(entry, source)

    assert set(behaviour.credentials) == {"Bearer s3cret"}
    assert "s3cret" not in f"{entry} {source}"


async def test_a_credential_that_cannot_be_read_is_named_without_its_path(url, tmp_path):
    path = tmp_path / "token"
    path.write_text("s3cret")
    entry, source = await added(url, credential_file=str(path))
    path.unlink()

    failed = await failure(entry, source)

    assert failed.task_reason == "ENDPOINT_UNREACHABLE"
    assert str(path) not in str(failed)


async def test_a_busy_endpoint_is_asked_again(url, behaviour):
    entry, source = await added(url)
    behaviour.busy = 1

    assert (await answered(entry, source)).shape == (5, 2)


async def test_an_endpoint_that_stays_busy_is_given_up_in_time(url, behaviour):
    entry, source = await added(url)
    behaviour.busy = 1_000

    failed = await failure(entry, source, hang_seconds=1.0)

    assert failed.task_reason == "ENDPOINT_UNREACHABLE"
    assert not failed.model_at_fault


async def test_a_wait_that_the_endpoint_asks_for_is_kept_or_it_is_given_up(behaviour):
    with served(behaviour) as addresses:
        entry, source = await added(addresses["http"])
        behaviour.busy, behaviour.retry_after = 1, "3600"
        failed = await failure(entry, source)

    assert failed.task_reason == "ENDPOINT_UNREACHABLE"
    assert "in 1 request:" in str(failed)
    assert behaviour.batches == []


async def test_an_endpoint_that_does_not_answer_is_given_up_in_time(url, behaviour):
    entry, source = await added(url, timeout_seconds=0.2)
    behaviour.hold = threading.Event()
    try:
        failed = await failure(entry, source, hang_seconds=0.4)
    finally:
        behaviour.hold.set()

    assert failed.task_reason == "ENDPOINT_UNREACHABLE"


async def test_an_endpoint_that_is_gone_is_unreachable():
    with served(Behaviour()) as addresses:
        pairs = [await added(url) for url in addresses.values()]

    for entry, source in pairs:
        assert (await failure(entry, source, hang_seconds=0.5)).task_reason == "ENDPOINT_UNREACHABLE"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_never_followed(behaviour, status):
    other = Behaviour()
    with served(behaviour) as addresses, served(other) as elsewhere:
        entry, source = await added(addresses["http"])
        behaviour.status, behaviour.location = status, f"{elsewhere['http']}/infer"
        failed = await failure(entry, source)

    assert failed.task_reason == "ENDPOINT_REFUSED"
    assert "redirect" in str(failed)
    assert other.credentials == []


async def test_the_words_of_the_endpoint_reach_nobody(behaviour):
    with served(behaviour) as addresses:
        entry, source = await added(addresses["grpc"])
        behaviour.code = grpc.StatusCode.PERMISSION_DENIED
        failed = await failure(entry, source)

    assert failed.task_reason == "ENDPOINT_REFUSED"
    assert failed.model_at_fault
    assert "PERMISSION_DENIED" in str(failed)
    assert "secret" not in str(failed)


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param({"rows": -1}, id="a row is missing"),
        pytest.param({"model": lambda images: scores_of(images)[:, :, None]}, id="three axes"),
        pytest.param({"model": lambda images: np.zeros(len(images))}, id="one axis"),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused(url, behaviour, bad):
    entry, source = await added(url)
    for name, value in bad.items():
        setattr(behaviour, name, value)

    failed = await failure(entry, source)

    assert failed.task_reason == "ENDPOINT_ANSWER_INVALID"
    assert failed.model_at_fault


async def test_numbers_that_are_none_are_passed_on_for_the_models_process_to_report(url, behaviour):
    behaviour.model = lambda images: np.full((len(images), 2), np.nan)

    assert np.isnan(await answered(*await added(url))).all()


@pytest.mark.parametrize(
    "changed",
    [{"versions": ("2",)}, {"shape": (-1, 3, 16, 16)}, {"outputs": ("other",)}],
    ids=str,
)
async def test_another_description_is_drift(url, behaviour, changed):
    entry, source = await added(url)
    for name, value in changed.items():
        setattr(behaviour, name, value)

    assert (await failure(entry, source)).task_reason == "ENDPOINT_DRIFTED"


@pytest.mark.parametrize(
    "unfit",
    [{"shape": (-1, 10)}, {"shape": (8, 3, 8, 8)}, {"datatype": "UINT8"}, {"outputs": ("scores", "other")}],
    ids=str,
)
async def test_a_model_that_is_no_image_classifier_is_refused_when_it_is_added(url, behaviour, unfit):
    for name, value in unfit.items():
        setattr(behaviour, name, value)

    with pytest.raises(TaskFailed) as failed:
        await added(url)

    assert failed.value.task_reason == "ENDPOINT_ANSWER_INVALID"


async def test_images_of_another_size_are_refused_before_they_are_sent(url, behaviour):
    failed = await failure(*await added(url), images=IMAGES[:, :, :4])

    assert failed.task_reason == "INPUT_REFUSED"
    assert "3x8x8" in str(failed)
    assert behaviour.batches == []


async def test_an_endpoint_that_was_removed_or_belongs_to_others_is_unknown(url):
    entry, source = await added(url)

    others = await failure(entry, source, version="projects/second/models/net/versions/1")

    assert others.task_reason == "ENDPOINT_UNKNOWN"
    assert entry.url not in str(others)


async def test_no_name_is_looked_up_after_an_entry_is_made(url, monkeypatch):
    entry, source = await added(url.replace("127.0.0.1", "localhost"))
    monkeypatch.setattr("socket.getaddrinfo", lambda *_, **__: pytest.fail("a name was looked up"))

    assert (await answered(entry, source)).shape == (5, 2)


async def test_requests_keep_their_distance():
    rate, loop = Rate(per_second=50.0), asyncio.get_running_loop()
    begun = loop.time()

    await asyncio.gather(*(rate.turn() for _ in range(4)))

    assert loop.time() - begun >= 3 / 50.0 - 1e-3


@pytest.mark.parametrize("status", ["500", "INTERNAL", "400"])
def test_a_request_that_the_model_server_fails_is_told_where_the_reason_is(status):
    assert "The log of the model's server says why" in str(EndpointRefused(f"status {status}", status))


def test_channels_that_come_last_are_told_to_come_first():
    with pytest.raises(TaskFailed, match="channels come last there, which no --input can give"):
        refuse_other_canvas((32, 32, 3), (3, 32, 32))
    with pytest.raises(TaskFailed, match="Give the right input specification"):
        refuse_other_canvas((3, 64, 64), (3, 32, 32))


def test_scores_that_do_not_fit_are_told_with_what_to_serve():
    with pytest.raises(TaskFailed, match="Serve a model that returns one row of scores for each image"):
        checked_scores(np.zeros(2, np.float32), (1, 2), 3)
