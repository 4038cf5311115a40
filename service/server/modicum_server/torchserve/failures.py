"""What TorchServe's errors mean (the table "What a caller sees" of TORCHSERVE.md)."""

import grpc
import grpc.aio

from modicum_server.errors import (
    ModelDied,
    ModelHung,
    ModelOutOfMemory,
    ModelServerDown,
    ModelServerError,
    TaskFailed,
)

NO_WORKER = "no worker"
PREDICTION_FAILED = "Prediction failed"
#: It lost the slots' models, and says so with the code of a death.
NO_MODEL = "Model not found"
HANDLER_BUG = "HANDLER_BUG"


def busy(error: grpc.aio.AioRpcError) -> bool:
    """Whether it says that no worker is free: busy and not there have the same text. Not an attempt."""
    return error.code() is grpc.StatusCode.INTERNAL and NO_WORKER in _details(error)


def failure_of(error: grpc.aio.AioRpcError) -> ModelServerError:
    """Return what a stream's error means."""
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
        return TaskFailed(HANDLER_BUG, "the handler ended with an error of its own", model_at_fault=False)
    return ModelServerDown()


def _details(error: grpc.aio.AioRpcError) -> str:
    return error.details() or ""
