"""Registering a model with a TorchServe that replies before it reports the model's process as ready."""

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import grpc.aio
import pytest
from modicum_server.generated import management_pb2, management_pb2_grpc
from modicum_server.model_server import ModelServerDown
from modicum_server.torchserve.management import Controller

from .test_closed_channels import NoKeys


class Management(management_pb2_grpc.ManagementAPIsServiceServicer):
    """The management of a TorchServe whose one worker is reported in the given states, and in the last one for ever."""

    def __init__(self, statuses: Sequence[str]) -> None:
        self.statuses = list(statuses)
        self.registered = False

    async def describe(self, request, context):
        if not self.registered:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"Model not found: {request.model_name}")
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return management_pb2.ManagementResponse(msg=json.dumps([{"workers": [{"status": status}]}]))

    async def register(self, _request, _context):
        self.registered = True
        return management_pb2.ManagementResponse(msg="{}")

    DescribeModel = describe
    RegisterModel = register


@asynccontextmanager
async def controller_of(management: Management) -> AsyncIterator[Controller]:
    server = grpc.aio.server()
    management_pb2_grpc.add_ManagementAPIsServiceServicer_to_server(management, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield Controller(channel, NoKeys())
    await server.stop(None)


async def test_a_worker_that_is_reported_as_ready_a_moment_after_the_reply_is_registered():
    async with controller_of(Management(["UNLOADING", "UNLOADING", "READY"])) as controller:
        await controller.register("slot1", "slot1.mar", startup_seconds=5)


async def test_a_worker_that_is_never_reported_as_ready_is_an_error_that_names_the_model():
    async with controller_of(Management(["UNLOADING"])) as controller:
        with pytest.raises(ModelServerDown, match="registered slot1, but no process of the model became ready"):
            await controller.register("slot1", "slot1.mar", startup_seconds=5, ready_seconds=0.2)
