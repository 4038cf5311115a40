"""What TorchServe calls, over TorchServe's own functions and a real socket."""

import os
import socket
import sys
import threading
import time
import warnings
from types import SimpleNamespace

import pytest
from modicum_server.generated.worker_pb2 import CheckWork, Chunk, Started, Task
from modicum_server.model_process.torchserve_entry import FOLDER_INPUT, FOLDER_VARIABLE, ModicumHandler

from tests.model_process.model_process_stage import Corners, version_of_program

with warnings.catch_warnings():  # it leaves a file of its own open while it is imported
    warnings.simplefilter("ignore")
    import ts.handler_utils.utils  # noqa: F401


@pytest.fixture
def context():
    ours, theirs = socket.socketpair()
    received = []

    def read():
        while data := theirs.recv(65536):
            received.append(data)

    reader = threading.Thread(target=read)
    reader.start()
    made = SimpleNamespace(
        cl_socket=ours,
        request_ids={0: "request"},
        system_properties={"gpu_id": None},
        received=received,
        get_response_headers=lambda _: {},
        get_response_status=lambda _: (200, "OK"),
        get_response_content_type=lambda _: None,
        set_response_header=lambda *_: None,
        stopping_criteria=None,
    )
    yield made
    ours.close()
    reader.join()
    theirs.close()


@pytest.fixture
def handler(context):
    made = ModicumHandler()
    made.initialize(context)
    return made


def written(stage, version):
    task = Task(id="task", attempt=5, model_version=version, device="cpu", check=CheckWork())
    (stage.folder / "task.binpb").write_bytes(task.SerializeToString())


def test_every_chunk_but_the_last_is_streamed_and_the_last_returned(stage, context, handler):
    written(stage, version_of_program(stage, Corners()))

    answer = handler.handle([{FOLDER_INPUT: str(stage.folder).encode()}], context)

    assert len(answer) == 1
    assert Chunk.FromString(answer[0]).WhichOneof("body") == "finished"
    context.cl_socket.shutdown(socket.SHUT_WR)
    stream = b"".join(context.received)
    assert stream.index(b"modicum-sis") > 0  # of the started chunk
    assert Chunk.FromString(answer[0]).sequence == 3


def test_the_folder_may_come_from_the_process_s_environment(stage, context, handler, monkeypatch):
    monkeypatch.setenv(FOLDER_VARIABLE, str(stage.folder))
    written(stage, version_of_program(stage, Corners()))

    answer = handler.handle([{}], context)

    assert Chunk.FromString(answer[0]).WhichOneof("body") == "finished"


def streamed(context):
    """What went over the socket, whole."""
    context.cl_socket.shutdown(socket.SHUT_WR)
    deadline = time.monotonic() + 60
    while not context.received and time.monotonic() < deadline:
        time.sleep(0.01)
    return b"".join(context.received)


def test_a_call_that_names_no_slot_still_gets_a_first_chunk_and_a_reason(context, handler, monkeypatch):
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)

    answer = handler.handle([{}], context)

    last = Chunk.FromString(answer[0])
    assert (last.failure.reason, last.failure.model_at_fault, last.sequence) == ("SLOT_MISSING", False, 2)
    first = Chunk(sequence=1, started=Started(pid=os.getpid()))
    assert first.SerializeToString() in streamed(context)


def test_a_model_that_leaves_the_program_leaves_only_its_task(stage, context, handler, monkeypatch):
    written(stage, version_of_program(stage, Corners()))
    monkeypatch.setattr("modicum_server.model_process.running.check", lambda *_: sys.exit(3))

    answer = handler.handle([{FOLDER_INPUT: str(stage.folder).encode()}], context)

    assert Chunk.FromString(answer[0]).failure.reason == "HANDLER_BUG"
    assert b"modicum-sis" in streamed(context)  # of the started chunk


def test_an_interrupt_ends_the_process(stage, context, handler, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    written(stage, version_of_program(stage, Corners()))
    monkeypatch.setattr("modicum_server.model_process.running.check", interrupt)

    with pytest.raises(KeyboardInterrupt):
        handler.handle([{FOLDER_INPUT: str(stage.folder).encode()}], context)


def test_a_server_that_went_away_does_not_kill_the_model_process(stage, context, handler):
    written(stage, version_of_program(stage, Corners()))
    context.cl_socket.shutdown(socket.SHUT_RDWR)

    answer = handler.handle([{FOLDER_INPUT: str(stage.folder).encode()}], context)

    assert Chunk.FromString(answer[0]).failure.reason == "HANDLER_BUG"
