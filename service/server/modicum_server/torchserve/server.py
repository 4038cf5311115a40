"""One running TorchServe: its Java process, its channels, and a registered model for each slot."""

import asyncio
import contextlib
import socket
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path

import grpc
import grpc.aio
from google.protobuf import empty_pb2

from modicum_server.generated import inference_pb2_grpc
from modicum_server.model_server import ModelServerDown
from modicum_server.torchserve.access_keys import Keys
from modicum_server.torchserve.archive import build_archive
from modicum_server.torchserve.configuration import LOOPBACK, Ports, command, free_ports, write_configuration
from modicum_server.torchserve.confinement.plan import Plan
from modicum_server.torchserve.folders import ServerFolder
from modicum_server.torchserve.isolation import write_wrapper
from modicum_server.torchserve.java import torchserve_home
from modicum_server.torchserve.java_process import JavaProcess, tail
from modicum_server.torchserve.management import Controller
from modicum_server.torchserve.model_process import ModelProcess, find_model_process
from modicum_server.torchserve.usage import Usage, usage_of

START_SECONDS = 60.0
STARTUP_SECONDS = 120
PORT_ATTEMPTS = 3
POLL_SECONDS = 0.05
PING_SECONDS = 2.0
#: Streams last for minutes, but stay on loopback: they need no keepalive and no retries.
CHANNEL_OPTIONS = (("grpc.enable_retries", 0), ("grpc.use_local_subchannel_pool", 1), ("grpc.enable_http_proxy", 0))


@dataclass(frozen=True, slots=True)
class Recipe:
    """What every start of TorchServe needs."""

    java: Path
    handler: str | Path
    response_seconds: int
    slots: tuple[str, ...]
    plan_for: Callable[[ServerFolder], Coroutine[object, object, Plan]]


@dataclass(frozen=True, slots=True)
class RunningServer:
    """A TorchServe that has replied."""

    folder: ServerFolder
    process: JavaProcess
    keys: Keys
    controller: Controller
    inference: "inference_pb2_grpc.InferenceAPIsServiceAsyncStub"  # the name exists only in the stubs
    channels: tuple[grpc.aio.Channel, ...]

    def model_process(self, slot: str) -> ModelProcess | None:
        """Return the process of a slot's model."""
        return find_model_process(self.folder.workers, slot)

    def usage(self, slot: str) -> Usage:
        """Return what the process of a slot's model uses of the machine now."""
        return usage_of(self.model_process(slot), self.folder.workers / slot)

    def model_log(self, slot: str) -> str:
        """Return the end of the output of a slot's model process."""
        return tail(self.folder.model_log, containing=f"-{slot}_")

    async def stop(self) -> None:
        """Stop it, and delete its folder."""
        for channel in self.channels:
            await channel.close()
        await self.process.stop()
        self.folder.delete()


async def start_server(folder: ServerFolder, recipe: Recipe) -> RunningServer:
    """Start a TorchServe in a folder and register the slots' models. If that fails, the folder is deleted.

    Raises:
        ModelServerDown: TorchServe, or a model's process, does not start.
    """
    server: RunningServer | None = None
    try:
        # The confinement is chosen while Java starts: TorchServe uses the wrapper only when a model is registered.
        async with asyncio.TaskGroup() as group:
            starting = group.create_task(_start_on_free_ports(folder, recipe))
            planning = group.create_task(recipe.plan_for(folder))
        server = starting.result()
        write_wrapper(folder, planning.result())
        for slot in recipe.slots:
            await _register(server, slot, _archive(folder, slot, recipe))
    except BaseException as error:
        await (server.stop() if server else asyncio.to_thread(folder.delete))
        if isinstance(error, BaseExceptionGroup):
            raise error.exceptions[0] from error
        raise
    return server


def _archive(folder: ServerFolder, slot: str, recipe: Recipe) -> str:
    return build_archive(
        folder.store,
        slot,
        response_seconds=recipe.response_seconds,
        startup_seconds=STARTUP_SECONDS,
        handler=recipe.handler,
    )


async def _register(server: RunningServer, slot: str, archive: str) -> None:
    try:
        await server.controller.register(slot, archive, startup_seconds=STARTUP_SECONDS)
    except ModelServerDown as error:
        log = server.model_log(slot)
        raise ModelServerDown(f"{error}; the output of its process: {log}") from error


async def _start_on_free_ports(folder: ServerFolder, recipe: Recipe) -> RunningServer:
    """Start it. Try again when another process has taken a port meanwhile."""
    words = command(recipe.java, torchserve_home(), folder)
    for _ in range(PORT_ATTEMPTS):
        ports = free_ports()
        write_configuration(folder, ports, response_seconds=recipe.response_seconds)
        process = await JavaProcess.start(words, cwd=folder.path, console=folder.console)
        try:
            server = await _connect(folder, process, ports)
        except BaseException:
            await process.stop()
            raise
        if server is not None:
            return server
        await process.stop()
        folder.keys.unlink(missing_ok=True)
    log = tail(folder.path / "server.log") or tail(folder.console)
    raise ModelServerDown(f"TorchServe ended {PORT_ATTEMPTS} times during its start; its output: {log}")


async def _connect(folder: ServerFolder, process: JavaProcess, ports: Ports) -> RunningServer | None:
    """Return the server when it replies; None when the process ended."""
    keys = Keys(folder.keys)
    inference, management = (
        grpc.aio.insecure_channel(f"{LOOPBACK}:{port}", options=CHANNEL_OPTIONS)
        for port in (ports.inference, ports.management)
    )
    server = RunningServer(
        folder=folder,
        process=process,
        keys=keys,
        controller=Controller(management, keys),
        inference=inference_pb2_grpc.InferenceAPIsServiceStub(inference),
        channels=(inference, management),
    )
    deadline = time.monotonic() + START_SECONDS
    while process.alive and time.monotonic() < deadline:
        if _listens(ports) and await _responds(server):
            return server
        await asyncio.sleep(POLL_SECONDS)
    for channel in server.channels:
        await channel.close()
    return None


def _listens(ports: Ports) -> bool:
    """Return whether both ports accept connections. This is quicker than gRPC's own retries."""
    for port in (ports.inference, ports.management):
        with socket.socket() as probe:
            probe.settimeout(POLL_SECONDS)
            if probe.connect_ex((LOOPBACK, port)) != 0:
                return False
    return True


async def _responds(server: RunningServer) -> bool:
    with contextlib.suppress(grpc.aio.AioRpcError, OSError, ValueError, KeyError):
        server.keys.reread()
        metadata = server.keys.metadata("inference")
        await server.inference.Ping(empty_pb2.Empty(), metadata=metadata, timeout=PING_SECONDS)
        return True
    return False
