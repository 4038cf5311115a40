"""The workers of a fleet, as actors that Ray places. They belong to this process and end with it."""

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ray
import structlog
from ray.exceptions import RayError

from modicum_server.fleet.ray_address import RayAddress, is_loopback
from modicum_server.fleet.worker_actor import STOP_SECONDS, WorkerActor, WorkerShare
from modicum_server.processes.restarts import Restarts
from modicum_server.processes.work_until_stop import cancelled
from modicum_server.usecases.fleet_errors import RayNotPrivate, RayUnfit

NAMESPACE = "modicum"

_log = structlog.get_logger(__name__)


@contextlib.contextmanager
def connected(address: RayAddress, *, without_tls: bool) -> Iterator[None]:
    """Connect this process to Ray while the context is open.

    Raises:
        RayUnfit, RayNotPrivate
    """
    try:
        context = ray.init(
            address=str(address),
            namespace=NAMESPACE,
            log_to_driver=False,
            logging_level="ERROR",
        )
    except (ConnectionError, RuntimeError, ValueError, RayError) as error:
        raise RayUnfit(f"--ray: Ray at {address} refused the connection of the fleet: {first_line(error)}") from error
    try:
        if not without_tls:
            _require_private_dashboard(context.dashboard_url or "")
        yield
    except RayError as error:  # a head that was started anew does not know this process
        raise RayUnfit(f"--ray: Ray at {address} was lost: {first_line(error)}") from error
    finally:
        ray.shutdown()


def _require_private_dashboard(dashboard: str) -> None:
    if dashboard and not is_loopback(dashboard.rpartition(":")[0].strip("[]")):
        raise RayNotPrivate(
            f"--ray: the dashboard of Ray listens on {dashboard}, and anybody who reaches it can start programs. Start "
            "the head with --include-dashboard=false, or give --ray-without-tls if others cannot reach its network"
        )


@dataclass(eq=False, slots=True)
class _Placed:
    """A worker: Ray's handle of its actor, whether it runs already, and whether it is to stop."""

    handle: Any
    begun: float
    runs: bool = False
    stopping: bool = False


@dataclass(slots=True)
class RayWorkers:
    """As many workers as were asked for last. A worker that ends by itself, or with its machine, is replaced."""

    settings_file: Path
    share: WorkerShare
    slots: int
    grace_seconds: float
    _workers: list[_Placed] = field(default_factory=list)
    _tasks: set["asyncio.Task[None]"] = field(default_factory=set)
    _restarts: Restarts = field(default_factory=Restarts)
    _not_before: float = 0.0
    _told: tuple[int, int] = (0, 0)

    def resize(self, wanted: int) -> None:
        """Start what is missing, and stop the newest of those that are too many. Waits for neither."""
        there = [worker for worker in self._workers if not worker.stopping]
        if len(there) < wanted and _now() >= self._not_before:
            for _ in range(wanted - len(there)):
                self._place()
        for worker in there[wanted:]:
            worker.stopping = True
            self._spawn(self._stop(worker))
        self._tell(wanted)

    @property
    def stop_seconds(self) -> float:
        """How long `stop` takes at most."""
        return self.grace_seconds + STOP_SECONDS

    async def stop(self) -> None:
        """Stop all workers, and wait until they have handed back what they hold."""
        self.resize(0)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self.stop_seconds)
        await cancelled(*self._tasks)

    def _place(self) -> None:
        actor = ray.remote(WorkerActor).options(
            num_cpus=self.share.cpus,
            num_gpus=self.share.gpus,
            memory=self.share.memory_bytes or None,
            scheduling_strategy="SPREAD",  # the end of a machine then takes few of them
            max_restarts=0,  # the fleet replaces it, if it is still needed
        )
        share = self.share.variables(self.slots)
        worker = _Placed(actor.remote(str(self.settings_file), share, self.grace_seconds), _now())
        self._workers.append(worker)
        self._spawn(self._live(worker))

    async def _live(self, worker: _Placed) -> None:
        """Follow a worker from its placing to its end."""
        try:
            machine, pid = await worker.handle.start.remote()
            worker.runs, worker.begun = True, _now()
            _log.info("fleet_worker_started", machine=machine, worker_pid=pid)
            reason = f"exit code {await worker.handle.ended.remote()}"
        except RayError as error:
            reason = first_line(error)
        self._workers.remove(worker)
        with contextlib.suppress(RayError):
            ray.kill(worker.handle)
        if worker.stopping:
            _log.info("fleet_worker_stopped", why=reason)
            return
        wait = self._restarts.wait_after(_now() - worker.begun)
        self._not_before = _now() + wait
        _log.warning("fleet_worker_ended", why=reason, replaced_after_seconds=wait)

    async def _stop(self, worker: _Placed) -> None:
        with contextlib.suppress(RayError):
            if worker.runs:
                await worker.handle.stop.remote()
            else:
                ray.kill(worker.handle)  # Ray has found no place for it yet

    def _tell(self, wanted: int) -> None:
        """Log how many there are when that is new."""
        running = sum(each.runs and not each.stopping for each in self._workers)
        if (wanted, running) != self._told:
            self._told = wanted, running
            _log.info("fleet_size", wanted=wanted, running=running)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def first_line(error: BaseException) -> str:
    """Return the kind of an error and what is said of it first: the rest are Ray's traces. Our own is inside Ray's."""
    told = getattr(error, "cause", None) or error
    return f"{type(told).__name__}: {next(iter(str(told).strip().splitlines()), '')}"


def _now() -> float:
    return asyncio.get_running_loop().time()
