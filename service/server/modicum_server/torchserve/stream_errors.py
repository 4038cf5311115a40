"""Turns the errors of TorchServe's streams into errors of ours."""

import grpc
import grpc.aio

from modicum_server.errors import ModelServerError
from modicum_server.model_server import ModelDied, ModelHung, ModelOutOfMemory, ModelServerDown, TaskFailed

NO_WORKER = "no worker"
PREDICTION_FAILED = "Prediction failed"
#: TorchServe has lost the models of the slots. It reports that with the code of a dead process.
NO_MODEL = "Model not found"
HANDLER_BUG = "HANDLER_BUG"


def busy(error: grpc.aio.AioRpcError) -> bool:
    """Return whether no worker was free. TorchServe has one text for busy and for missing. It counts as no attempt."""
    return error.code() is grpc.StatusCode.INTERNAL and NO_WORKER in _details(error)


def failure_of(error: grpc.aio.AioRpcError) -> ModelServerError:
    """Return our error for an error of a stream."""
    code, details = error.code(), _details(error)
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return ModelOutOfMemory()
    if NO_MODEL in details:
        return ModelServerDown("TorchServe has lost its models")
    if code in {grpc.StatusCode.INTERNAL, grpc.StatusCode.CANCELLED}:  # CANCELLED: a chunk over the size limit
        return ModelDied()
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return ModelHung()
    if PREDICTION_FAILED in details:
        return TaskFailed(HANDLER_BUG, "the handler ended with an unexpected error", model_at_fault=False)
    return ModelServerDown()


def _details(error: grpc.aio.AioRpcError) -> str:
    return error.details() or ""
