"""`modicum-server fleet`: as many workers as there is work for, placed by Ray on the machines of a cluster."""

import asyncio
import importlib.util
import os
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modicum_server.command_parts import USAGE, end, required, settings_with
from modicum_server.commands.amount_options import bytes_of, duration_of
from modicum_server.commands.long_running import run_until_signal
from modicum_server.settings import Settings

if TYPE_CHECKING:
    from modicum_server.fleet.ray_address import RayAddress
    from modicum_server.fleet.worker_actor import WorkerShare
    from modicum_server.usecases.fleet_size import FleetBounds

#: Beyond what the process that talks to Ray takes to stop its workers: it leaves Ray.
GOODBYE_SECONDS = 10.0


def fleet(
    *,
    ray: Annotated[
        str,
        typer.Option(
            metavar="HOST:PORT",
            help="Address of Ray's head, as `ray start --head` prints it. This machine must be in that cluster.",
        ),
    ],
    settings_file: Annotated[
        Path,
        typer.Option(
            "--settings",
            metavar="FILE",
            help="File of the workers' settings, in lines such as MODICUM_DATABASE_URL=... Put it at this path "
            "on every machine, readable only by its owner. Ray gets the path but not the content, so Ray sees no "
            "passwords.",
        ),
    ],
    most: Annotated[int, typer.Option("--max", min=1, metavar="N", help="Run at most this many workers.")],
    least: Annotated[
        int, typer.Option("--min", min=0, metavar="N", help="Run at least this many workers, even without work.")
    ] = 0,
    cooldown: Annotated[str, typer.Option(metavar="TIME", help="Stop a worker after this time without work.")] = "5m",
    cpus: Annotated[
        int, typer.Option("--cpus-per-worker", min=1, metavar="N", help="Cores that Ray reserves for a worker.")
    ] = 1,
    gpus: Annotated[
        int, typer.Option("--gpus-per-worker", min=0, metavar="N", help="GPUs that Ray reserves for a worker.")
    ] = 0,
    memory: Annotated[
        str,
        typer.Option(
            "--memory-per-worker",
            metavar="BYTES",
            help="Memory that Ray reserves for a worker, such as 8GB; models get four fifths of it. By default, "
            "each worker uses its machine's memory as if no other worker ran there.",
        ),
    ] = "",
    without_tls: Annotated[
        bool,
        typer.Option(
            "--ray-without-tls",
            metavar="",
            help="Connect to Ray without TLS, even if other machines can reach it. Give this only if nobody else has "
            "access to the network of the cluster.",
        ),
    ] = False,
    driver: Annotated[int | None, typer.Option(hidden=True, help="Talk to Ray; say on this descriptor so.")] = None,
) -> None:
    """Run workers in a Ray cluster: more when much work waits, fewer when little work waits.

    Start this command on a machine of the cluster. The API (`modicum-server serve`) may run on another machine. Ctrl-C
    stops all its workers. What they did not finish waits for the next workers. Install modicum-server with its extra
    `ray`, in the same release, on every machine.
    """
    if least > most:
        end(USAGE, f"--min: expected at most --max, which is {most}; got {least}")
    if importlib.util.find_spec("ray") is None:
        end(USAGE, "the fleet needs Ray, which is not installed; install it: pip install 'modicum-server[ray]'")
    from modicum_server.fleet.ray_address import RayAddress
    from modicum_server.fleet.settings_file import variables_in
    from modicum_server.fleet.worker_actor import WorkerShare
    from modicum_server.usecases.fleet_size import FleetBounds

    address = RayAddress.parse(ray)
    if not without_tls:
        address.require_private(os.environ)
    share = WorkerShare(cpus, gpus, bytes_of("--memory-per-worker", memory) if memory else 0)
    seconds = duration_of("--cooldown", cooldown).total_seconds()
    os.environ.update(variables_in(settings_file))
    settings = required(settings_with())
    bounds = FleetBounds(least, most, settings.slots, seconds)
    plan = Plan(address, settings_file.absolute(), settings, share, bounds, without_tls)
    run_until_signal(_supervised(plan) if driver is None else _driving(plan, driver))


@dataclass(frozen=True, slots=True)
class Plan:
    """What the options say."""

    address: "RayAddress"
    settings_file: Path
    settings: Settings
    share: "WorkerShare"
    bounds: "FleetBounds"
    without_tls: bool

    @property
    def database_url(self) -> str:
        """The address of the database, which is nowhere but in the file and in processes that read it."""
        return self.settings.database_url.get_secret_value()


def _supervised(plan: Plan) -> Callable[[asyncio.Event], Awaitable[None]]:
    """See that database and Ray answer, and keep the process that talks to Ray running."""
    from modicum_server.bootstrap import open_store
    from modicum_server.fleet.driver_process import keep_driver
    from modicum_server.fleet.worker_actor import STOP_SECONDS

    async def run(stop: asyncio.Event) -> None:
        plan.address.require_answer()
        async with open_store(plan.database_url, pooled=plan.settings.pooled) as store:
            await store.require_schema()
        stop_seconds = plan.settings.grace_seconds + STOP_SECONDS + GOODBYE_SECONDS
        if code := await keep_driver(sys.argv[2:], stop, stop_seconds=stop_seconds):
            raise SystemExit(code)

    return run


def _driving(plan: Plan, descriptor: int) -> Callable[[asyncio.Event], Awaitable[None]]:
    """Talk to Ray. Its library ends the process when the head is lost, so this is a process of its own."""
    os.environ.update(plan.address.variables)
    from modicum_server.bootstrap import open_store
    from modicum_server.fleet.driver_process import say_attached
    from modicum_server.fleet.keeping import keep_fleet
    from modicum_server.fleet.ray_workers import RayWorkers, connected
    from modicum_server.usecases.fleet_size import FleetSize, stored_work

    async def run(stop: asyncio.Event) -> None:
        grace = plan.settings.grace_seconds
        async with open_store(plan.database_url, pooled=plan.settings.pooled) as store:
            with connected(plan.address, without_tls=plan.without_tls):
                say_attached(descriptor)
                workers = RayWorkers(plan.settings_file, plan.share, plan.bounds.slots, grace)
                await keep_fleet(workers, FleetSize(plan.bounds), lambda: stored_work(store), stop)

    return run
