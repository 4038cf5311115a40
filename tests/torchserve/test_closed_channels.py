"""A channel that is closed under a call, because its TorchServe ended: what waits for the answer goes on living."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc.aio
import pytest
from modicum_server.model_server import ModelServerDown
from modicum_server.torchserve.management import Controller
from modicum_server.torchserve.stream import Stream


class NoKeys:
    """Keys of a server that asks for none."""

    def metadata(self, which: str) -> tuple[tuple[str, str], ...]:
        return ()

    def reread(self) -> None:
        """Nothing to read."""


@asynccontextmanager
async def silent_server() -> AsyncIterator[grpc.aio.Channel]:
    """A channel to a server that takes every call and never answers."""

    class Silent(grpc.GenericRpcHandler):
        def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler:
            streams = details.method.endswith("StreamPredictions")
            if streams:
                return grpc.unary_stream_rpc_method_handler(never)
            return grpc.unary_unary_rpc_method_handler(never)

    async def never(_request: bytes, _context: grpc.aio.ServicerContext) -> None:
        await over.wait()

    over = asyncio.Event()
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Silent(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}")
    yield channel
    over.set()
    await channel.close()
    await server.stop(None)


async def test_a_stream_whose_channel_is_closed_says_that_torchserve_is_down_and_does_not_cancel_its_reader():
    async with silent_server() as channel:
        await channel.channel_ready()
        stream = Stream(channel.unary_stream("/x/StreamPredictions")(b""))
        reading = asyncio.create_task(stream.read(60))
        await asyncio.sleep(0)

        await channel.close()

        with pytest.raises(ModelServerDown):
            await reading
        assert stream.over


async def test_a_question_whose_channel_is_closed_says_that_torchserve_is_down_and_does_not_cancel_who_asks():
    async with silent_server() as channel:
        await channel.channel_ready()
        asking = asyncio.create_task(Controller(channel, NoKeys()).describe("slot0"))
        await asyncio.sleep(0)

        await channel.close()

        with pytest.raises(ModelServerDown):
            await asking


async def test_who_asks_can_still_be_cancelled():
    async with silent_server() as channel:
        asking = asyncio.create_task(Controller(channel, NoKeys()).describe("slot0"))
        await asyncio.sleep(0)

        asking.cancel()

        with pytest.raises(asyncio.CancelledError):
            await asking
