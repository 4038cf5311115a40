"""What TorchServe calls in a model's process. This is the only module that imports `ts`, when it sends something.

A call names a slot's folder in its input `slot_folder`; otherwise the process was started with MODICUM_SLOT_FOLDER.
"""

import logging
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from modicum_server.generated.worker_pb2 import Chunk, Started
from modicum_server.model_process.failure_reasons import TaskFailure, failure_of
from modicum_server.model_process.running import Kept, run_task
from modicum_server.model_process.slot import LeaseWatch

FOLDER_INPUT = "slot_folder"
FOLDER_VARIABLE = "MODICUM_SLOT_FOLDER"
LAST_CHUNKS = frozenset({"finished", "failure"})
MESSAGE = "Intermediate Prediction success"

log = logging.getLogger(__name__)


class ModicumHandler:
    """One model process. It runs one task at a time, and keeps the last model between tasks."""

    def __init__(self) -> None:
        self.initialized = False
        self._kept = Kept()
        self._gpu_id: int | None = None

    def initialize(self, context: Any) -> None:
        """TorchServe calls this once, before any task. It must be quick."""
        gpu_id = context.system_properties.get("gpu_id")
        self._gpu_id = None if gpu_id is None else int(gpu_id)
        # the operator's number, until a task sets its own
        torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "0")) or torch.get_num_threads())
        self.initialized = True

    def handle(self, data: Sequence[Mapping[str, Any]], context: Any) -> list[bytes]:
        """Run the task in the slot that the call names. All chunks but the last are streamed; the last is returned.

        Raises nothing but KeyboardInterrupt: the worker would not see an exception, and a stream without an
        intermediate chunk kills this process.
        """
        last = Chunk()

        def emit(chunk: Chunk) -> None:
            nonlocal last
            last = chunk
            if chunk.WhichOneof("body") not in LAST_CHUNKS:
                stream(chunk)

        stream = _stream_to(context)
        try:
            folder = _folder(data)
            with LeaseWatch(folder).watching():
                run_task(folder, emit, kept=self._kept, gpu_id=self._gpu_id)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            log.exception("a task failed outside of its own error handling")
            if not last.sequence:
                _start(emit)
            last = Chunk(attempt=last.attempt, sequence=last.sequence + 1, failure=failure_of(error))
        return [last.SerializeToString()]


def _start(emit: Callable[[Chunk], None]) -> None:
    """Send the first chunk of a task that failed before it sent one."""
    try:
        emit(Chunk(sequence=1, started=Started(pid=os.getpid())))
    except Exception:
        log.exception("the first chunk could not be sent")  # the server is gone, and nobody waits for a chunk


def _folder(data: Sequence[Mapping[str, Any]]) -> Path:
    named = data[0].get(FOLDER_INPUT) if data else None
    if named:
        return Path(bytes(named).decode() if isinstance(named, bytes | bytearray) else str(named))
    if FOLDER_VARIABLE in os.environ:
        return Path(os.environ[FOLDER_VARIABLE])
    raise TaskFailure("SLOT_MISSING", "the call does not name the folder of its slot", model_at_fault=False)


def _stream_to(context: Any) -> Callable[[Chunk], None]:
    from ts.handler_utils.utils import (  # type: ignore[import-untyped]  # noqa: PLC0415  only TorchServe has it
        send_intermediate_predict_response,
    )

    def stream(chunk: Chunk) -> None:
        send_intermediate_predict_response([chunk.SerializeToString()], context.request_ids, MESSAGE, 200, context)

    return stream
