"""The model's process listens, and the worker connects and relays: here both are one process, without a confinement."""

import asyncio
import os
import socket
import tempfile

import numpy as np
import pytest
from modicum.v1 import model_pb2, search_pb2
from modicum_server.domain.endpoints import RELAY_LENGTH_BYTES, RELAY_SOCKET
from modicum_server.endpoints.calls import EndpointCalls
from modicum_server.generated.worker_pb2 import CheckWork, EndpointBatch, SearchWork
from modicum_server.model_process.endpoint_models import Line
from modicum_server.torchserve.relay import Relay, connected

from tests.endpoints.entries import VERSION, Kept, added
from tests.endpoints.oip_server import Behaviour, scores_of, served
from tests.model_process.model_process_stage import Stage, findings, items_of, kinds, png

LEFT = np.full((8, 8, 3), 40, np.uint8)
LEFT[:, :4] = 240
INPUT = model_pb2.InputSpecification(
    channels=3,
    height=8,
    width=8,
    lower_bound=0,
    upper_bound=1,
    interpolation="nearest",
    mean=[0.5] * 3,
    std=[1.0] * 3,
)


class Place:
    """A slot, a server of the protocol, and the relay between them."""

    def __init__(self, folder, behaviour, entry, source):
        (folder / "artifacts").mkdir()
        self.stage, self.behaviour = Stage(folder), behaviour
        self._entry, self._source = entry, source

    async def run(self, work, **task):
        calls = EndpointCalls(Kept(self._entry), hang_seconds=60)
        relay = Relay(calls, self._source, VERSION, folder=self.stage.folder)
        endpoint = model_pb2.Endpoint(name=self._source.name, claim=self._source.claim)
        version = model_pb2.ModelVersion(name=VERSION, digest="d" * 64, endpoint=endpoint, input=INPUT)
        loop = asyncio.get_running_loop()

        def begin():
            loop.call_soon_threadsafe(relay.begin, lambda: None)

        try:
            return await asyncio.to_thread(self.stage.run, version, work, started=begin, **task)
        finally:
            await relay.end()

    async def probe(self):
        return list((await self.run(CheckWork()))[1].check.probe)

    def search(self):
        search = search_pb2.Search(
            method=search_pb2.SEARCH_METHOD_MASK_OPTIMIZATION, threshold=0.9, fill=search_pb2.FILL_MEAN, passes=60
        )
        items = items_of(self.stage, [png(LEFT), png(LEFT[:, ::-1])])
        return SearchWork(canvas=search_pb2.Canvas(channels=3, height=8, width=8), items=items, search=search, seed=1)


@pytest.fixture
async def place(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    behaviour = Behaviour()
    with served(behaviour) as addresses:
        yield Place(tmp_path, behaviour, *await added(addresses["grpc"]))


async def test_a_check_finds_classes_and_keeps_the_scores_of_the_probe_picture(place):
    chunks = await place.run(CheckWork())

    assert kinds(chunks) == ["started", "check", "finished"]
    check = chunks[1].check
    assert (check.class_count, check.output_kind) == (2, model_pb2.OUTPUT_KIND_LOGITS)
    assert not check.useful_gradient
    assert np.exp(check.probe).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    ("make", "reason", "says"),
    [
        (
            lambda scores, _: scores * np.nan,
            "OUTPUT_NOT_FINITE",
            "got NaN or infinity. Ask the endpoint for the scores",
        ),
        (lambda scores, batches: scores + len(batches), "NOT_DETERMINISTIC", ". Serve one model, without random parts"),
    ],
    ids=["NaN", "random"],
)
async def test_what_an_endpoint_does_wrong_is_said_with_what_to_do_about_an_endpoint(place, make, reason, says):
    place.behaviour.model = lambda images: make(scores_of(images), place.behaviour.batches)

    failure = (await place.run(CheckWork()))[-1].failure

    assert (failure.reason, failure.model_at_fault) == (reason, True)
    assert says in failure.detail


async def test_an_endpoint_that_gives_one_score_for_each_image_is_refused(place):
    place.behaviour.model = lambda images: scores_of(images)[:, :1]

    failure = (await place.run(CheckWork()))[-1].failure

    assert failure.reason == "ENDPOINT_ANSWER_INVALID"
    assert "a row of scores for at least two classes; its output has shape" in failure.detail


async def test_a_search_finds_subsets_by_forward_passes_alone(place):
    probe = await place.probe()

    chunks = await place.run(place.search(), probe=probe)

    assert chunks[-1].finished.gradient_free
    found = findings(chunks)
    assert [found[at].predicted_class for at in (0, 1)] == [0, 1]
    assert all(found[at].verified_confidence >= 0.9 for at in (0, 1))


async def test_another_model_behind_the_endpoint_ends_a_search_before_it_begins(place):
    probe = await place.probe()
    place.behaviour.model = lambda images: scores_of(images)[:, ::-1]

    chunks = await place.run(place.search(), probe=probe)

    assert kinds(chunks) == ["started", "failure"]
    assert chunks[-1].failure.reason == "ENDPOINT_DRIFTED"


async def test_another_model_behind_the_endpoint_is_noticed_at_the_end_of_a_search(place):
    probe = await place.probe()
    asked = 0

    def drifting(images):
        nonlocal asked
        asked += len(images)
        return scores_of(images) * (1.0 if asked < 60 else 1.01)

    place.behaviour.model = drifting
    chunks = await place.run(place.search(), probe=probe)

    assert findings(chunks)
    assert chunks[-1].failure.reason == "ENDPOINT_DRIFTED"


async def test_scores_that_differ_no_more_than_two_passes_may_are_no_drift(place):
    probe = await place.probe()
    place.behaviour.model = lambda images: scores_of(images) + np.float32([1e-4, 0])

    assert (await place.run(place.search(), probe=probe))[-1].HasField("finished")


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ({"rows": -1}, "ENDPOINT_ANSWER_INVALID"),
        ({"model": lambda images: np.full((len(images), 2), np.nan)}, "OUTPUT_NOT_FINITE"),
        ({"versions": ("2",)}, "ENDPOINT_DRIFTED"),
    ],
    ids=["rows", "finite", "description"],
)
async def test_a_check_ends_with_the_reason_of_a_bad_answer(place, behaviour, reason):
    for name, value in behaviour.items():
        setattr(place.behaviour, name, value)

    chunks = await place.run(CheckWork())

    assert chunks[-1].failure.reason == reason
    assert chunks[-1].failure.model_at_fault


async def test_an_endpoint_as_a_part_of_another_version_is_refused(place):
    part = model_pb2.ModelVersion(name="part", digest="e" * 64, endpoint=model_pb2.Endpoint(name="x"), input=INPUT)
    whole = model_pb2.ModelVersion(name=VERSION, input=INPUT, ensemble=model_pb2.Ensemble(members=["part", "part"]))

    chunks = await asyncio.to_thread(place.stage.run, whole, CheckWork(), parts=[part])

    assert chunks[-1].failure.reason == "ENDPOINT_REFUSED"


async def test_a_batch_whose_shape_does_not_fit_is_answered_with_a_failure(place, tmp_path):
    line = Line()
    relay = Relay(EndpointCalls(Kept(place._entry), hang_seconds=60), place._source, VERSION, folder=tmp_path)
    relay.begin(lambda: None)
    try:
        for batch in (EndpointBatch(shape=[2, 3, 8, 8], values=b"1234"), EndpointBatch(shape=[1], values=b"1234")):
            answer = await asyncio.to_thread(line._asked, batch.SerializeToString())
            assert answer.failure.reason == "HANDLER_BUG"
    finally:
        await relay.end()
        line.close()


async def test_a_message_that_is_too_long_ends_the_connection(place, tmp_path):
    line = Line()
    relay = Relay(EndpointCalls(Kept(place._entry), hang_seconds=60), place._source, VERSION, folder=tmp_path)
    relay.begin(lambda: None)
    try:
        with await asyncio.to_thread(lambda: line._listening.accept()[0]) as accepted:
            accepted.settimeout(10)
            await asyncio.to_thread(accepted.sendall, b"\xff" * RELAY_LENGTH_BYTES)
            assert await asyncio.to_thread(accepted.recv, 1) == b""
    finally:
        await relay.end()
        line.close()


def test_a_link_in_the_place_of_the_socket_is_refused(tmp_path):
    other, link = tmp_path / "database", tmp_path / RELAY_SOCKET
    link.symlink_to(other)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.fspath(other))
        listening.listen()

        with pytest.raises(OSError, match=r"(?i)symbolic|not a socket"):
            connected(link)
        link.unlink()
        link.write_text("")
        with pytest.raises(OSError, match="not a socket"):
            connected(link)
