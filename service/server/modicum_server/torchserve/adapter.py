"""TorchServe as the worker's model server: implements `model_server.ModelServer`."""

import asyncio
import math
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import structlog

from modicum_server.domain.buildable import Families
from modicum_server.domain.models import Endpoint
from modicum_server.domain.tasks import Task, TaskEvent
from modicum_server.model_server import (
    Cancellation,
    Endpoints,
    ExecutableNotEnclosed,
    ModelServerDown,
    ModelServerHealth,
)
from modicum_server.ports import NO_TRACES, ArtifactSource, SpanKind, Traces, spanned
from modicum_server.processes.locked_folders import LockedFolder, create_locked_folder
from modicum_server.settings import Settings
from modicum_server.torchserve.architectures import look
from modicum_server.torchserve.archive import HANDLER_MODULE
from modicum_server.torchserve.confinement.plan import Level, Plan
from modicum_server.torchserve.folders import ServerFolder, create_server_folder
from modicum_server.torchserve.health import examine
from modicum_server.torchserve.isolation import Isolation, choose_isolation, find_bubblewrap
from modicum_server.torchserve.java import find_java
from modicum_server.torchserve.memory import memory_of_a_model
from modicum_server.torchserve.model_users import ModelUsers, claim_users, warn
from modicum_server.torchserve.process_renewal import Renewal
from modicum_server.torchserve.progress import hang_seconds, total_seconds
from modicum_server.torchserve.relay import Relay, relay_of
from modicum_server.torchserve.server import Recipe, RunningServer, start_server
from modicum_server.torchserve.slots import Slot
from modicum_server.torchserve.supervisor import Supervisor
from modicum_server.torchserve.task_run import Limits, Run
from modicum_server.torchserve.task_spans import HandlerSpans, staged

#: Longest time for which a task waits while TorchServe is restarted.
COMEBACK_SECONDS = 120.0
#: TorchServe kills a silent process after this many times our own limit, so that our limit comes first.
SILENCE_FACTOR = 2
LEAST_SILENCE_SECONDS = 60
#: Where processes of a slot's user do not start.
LET_THEM_IN = (
    "let every user enter the folders above Python, MODICUM_RUN_FOLDER and the temporary folder (chmod o+x), "
    "or install bubblewrap"
)

#: The name of the span of a call.
CALL = "TorchServe StreamPredictions"

log = structlog.get_logger(__name__)


class TorchServe:
    """A TorchServe of our own, with a few slots."""

    def __init__(
        self,
        settings: Settings,
        artifacts: ArtifactSource,
        *,
        handler: str | Path = HANDLER_MODULE,
        endpoints: Endpoints | None = None,
        traces: Traces = NO_TRACES,
    ) -> None:
        """Take the settings, where artifacts come from, the module of the handler (or its file), and endpoints."""
        self._settings = settings
        self._artifacts = artifacts
        self._handler = handler
        self._endpoints = endpoints
        self._traces = traces
        self._isolation: Isolation | None = None
        self._thorough = False
        self._temporary: LockedFolder | None = None
        self._slots: tuple[Slot, ...] = ()
        self._users: ModelUsers | None = None
        self._locks = tuple(asyncio.Lock() for _ in range(settings.slots))
        self._supervisor = Supervisor(self._start_one)
        self._renewal = Renewal()
        self._memory_bytes = settings.model_memory_bytes or memory_of_a_model(settings.slots)
        self._beginning: asyncio.Task[None] | None = None

    @property
    def slots(self) -> int:
        """How many tasks it runs at once."""
        return self._settings.slots

    @property
    def isolation(self) -> Isolation:
        """How model processes are confined on this machine; known after `start`."""
        assert self._isolation is not None, "the isolation is chosen by start()"
        return self._isolation

    @property
    def health(self) -> ModelServerHealth:
        """Whether TorchServe runs, how often it was started, and how much memory the model processes take."""
        server, slots = self._supervisor.running, self._slots
        memory = {slot.name: server.usage(slot.name).memory_bytes for slot in slots} if server else {}
        return ModelServerHealth(up=server is not None, starts=self._supervisor.starts, memory_bytes=memory)

    def begin(self) -> None:
        """Begin to start, without waiting. `start` waits for the end, and raises its errors."""
        self._beginning = asyncio.create_task(self._start(), name="torchserve-start")

    async def start(self) -> None:
        """Choose the confinement, start TorchServe, register the slots.

        Raises:
            ModelServerDown: Java or TorchServe is missing, or it does not start; the message says what to do.
        """
        if self._beginning is None:
            self.begin()
        assert self._beginning is not None
        await self._beginning

    async def _start(self) -> None:
        run_folder = self._settings.run_folder
        if run_folder is None:
            self._temporary = create_locked_folder("modicum-run-")
            run_folder = self._temporary.path
        threads = self._settings.threads or max(1, len(os.sched_getaffinity(0)) // self._settings.slots)
        names = [f"slot{number}" for number in range(self._settings.slots)]
        self._slots = tuple(Slot(name, run_folder.absolute() / name, threads) for name in names)
        for slot in self._slots:
            slot.make()
        try:
            await self._start_supervisor()
        except BaseException:
            self._slots = ()
            self._release_users()
            self._delete_temporary()
            raise

    async def stop(self) -> None:
        """Stop TorchServe and all its processes, and clear the slots."""
        beginning, self._beginning = self._beginning, None
        if beginning is not None:
            beginning.cancel()
            await asyncio.gather(beginning, return_exceptions=True)
        await self._supervisor.stop()
        slots, self._slots = self._slots, ()  # a second stop must not create their folders again
        for slot in slots:
            await asyncio.to_thread(replace(slot, owner=None).make)
        self._release_users()
        self._delete_temporary()

    async def buildable(self) -> Families | None:
        """Look which architectures can be built here, in a process of its own: it imports their packages."""
        return await look()

    async def run(self, slot: int, task: Task, cancelled: Cancellation) -> AsyncIterator[TaskEvent]:
        """Stage the task's artifacts, run it, and yield its events, TaskFinished last.

        A slot runs one task at a time; a second one waits. Closing the iterator gives the task up.

        Raises:
            ModelDied: the model's process ended.
            ModelOutOfMemory: it was killed.
            ModelHung: it made no progress in time.
            ModelServerDown: TorchServe is away, and is being restarted.
            TaskFailed: the handler ended the task with a reason, it was cancelled ("CANCELLED"), or its process
                exceeded a limit ("MODEL_LIMIT_EXCEEDED").
            ExecutableNotEnclosed: the task would run a program, and this machine cannot confine one.
        """
        if task.runs_code and not self.isolation.encloses_code:
            raise ExecutableNotEnclosed(str(self.isolation))
        async with self._locks[slot]:
            place = self._slots[slot]
            server = await self._renewal.renewed(self._supervisor, place, COMEBACK_SECONDS)
            async with (
                staged(self._traces, place, task, self._artifacts),
                relay_of(self._relay(task, server, place)) as relay,
            ):
                with spanned(self._traces, CALL, task.traceparent, kind=SpanKind.CLIENT) as call:
                    run = Run(
                        self._supervisor,
                        server,
                        place,
                        task,
                        cancelled=cancelled,
                        limits=self._limits(task),
                        relay=relay,
                        spans=HandlerSpans(self._traces, call),
                    )
                    events = run.events()
                    try:
                        async for event in events:
                            yield event
                    except ModelServerDown:
                        await examine(self._supervisor, server, place)
                        raise
                    finally:
                        await events.aclose()
                        if task.runs_code:
                            self._renewal.end_process(server, place)

    def _relay(self, task: Task, server: RunningServer, place: Slot) -> Relay | None:
        version = task.model_version
        if not isinstance(version.source, Endpoint) or self._endpoints is None:
            return None
        folder = server.folder.workers / place.name / "tmp"
        return Relay(self._endpoints, version.source, version.name, folder=folder)

    async def _start_supervisor(self) -> None:
        """Start. When a model's process does not start, check again whether the confinement allows it."""
        try:
            await self._supervisor.start()
        except ModelServerDown:
            first, self._isolation, self._thorough = self._isolation, None, True
            if first is None or first.level is Level.NONE or await self._choose_again() == first:
                raise
            await self._supervisor.start()

    async def _choose_again(self) -> Isolation:
        folder = create_server_folder()
        try:
            await self._plan(folder)
        finally:
            await asyncio.to_thread(folder.delete)
        return self.isolation

    def _limits(self, task: Task) -> Limits:
        hang = hang_seconds(self._settings.hang_seconds, task.model_version)
        return Limits(
            hang_seconds=hang,
            total_seconds=total_seconds(hang, task.work),
            grace_seconds=self._settings.grace_seconds,
            memory_bytes=self._memory_bytes,
        )

    async def _start_one(self) -> RunningServer:
        recipe = Recipe(
            java=find_java(self._settings.java),
            handler=self._handler,
            response_seconds=max(LEAST_SILENCE_SECONDS, SILENCE_FACTOR * math.ceil(self._settings.hang_seconds)),
            slots=tuple(slot.name for slot in self._slots),
            plan_for=self._plan,
        )
        server = await start_server(create_server_folder(), recipe)
        log.info("torchserve_started", pid=server.process.pid, isolation=str(self.isolation))
        return server

    async def _plan(self, folder: ServerFolder) -> Plan:
        plan = Plan(
            level=Level.NONE,
            python=sys.executable,
            bubblewrap=find_bubblewrap(),
            workers=str(folder.workers),
            slots={slot.name: str(slot.folder) for slot in self._slots},
            threads=self._slots[0].threads,
            memory_bytes=self._memory_bytes,
        )
        if self._isolation is None or self._users is None:
            self._isolation = await self._choose(folder, plan)
        users = self._users.by_slot if self._users is not None else {}
        return replace(plan, level=self._isolation.level, users=users)

    async def _choose(self, folder: ServerFolder, plan: Plan) -> Isolation:
        """Choose the isolation. Where processes of users of their own do not start, there are none from now on."""
        if self._users is None:
            self._users = await asyncio.to_thread(claim_users, tuple(plan.slots))
        users = self._users
        try:
            self._open_slots(users)
        except OSError as error:  # as on a file system where root may not change owners
            users = self._do_without_users(f"the folder of a slot cannot be given to its user: {error}")
        isolation = await choose_isolation(folder, replace(plan, users=users.by_slot), thorough=self._thorough)
        if users.by_slot and not isolation.own_users:
            self._do_without_users("a process of a slot's user cannot start here, or cannot enter the slot's folder")
        return isolation

    def _open_slots(self, users: ModelUsers) -> None:
        """Let the user of each slot, if it has one, read the slot's folder."""
        owners = {name: user.uid for name, user in users.by_slot.items()}
        self._slots = tuple(replace(slot, owner=owners.get(slot.name)) for slot in self._slots)
        for slot in self._slots:
            slot.make()

    def _do_without_users(self, why: str) -> ModelUsers:
        warn(why, LET_THEM_IN)
        self._release_users()
        self._users = ModelUsers({})
        self._open_slots(self._users)
        return self._users

    def _release_users(self) -> None:
        users, self._users = self._users, None
        if users is not None:
            users.release()

    def _delete_temporary(self) -> None:
        if self._temporary is not None:
            self._temporary.delete()
            self._temporary = None
