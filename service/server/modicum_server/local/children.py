"""Child processes of the supervisor. They are restarted when they die, and end with the supervisor."""

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import structlog

from modicum_server.local.log_files import open_log
from modicum_server.processes.dying_with_parent import die_with_parent
from modicum_server.processes.restarts import Restarts

log = structlog.get_logger(__name__)


@dataclass
class Child:
    """One of this program's own commands, which is kept running."""

    name: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    log_file: Path
    process: asyncio.subprocess.Process | None = field(default=None, init=False)

    async def start(self) -> None:
        """Start it once."""
        with open_log(self.log_file) as output:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "modicum_server.cli",
                *self.arguments,
                env={**os.environ, **self.environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                preexec_fn=partial(die_with_parent, os.getpid()),
                start_new_session=True,
            )

    async def keep_running(self) -> None:
        """Restart it whenever it ends; never returns."""
        loop = asyncio.get_running_loop()
        restarts = Restarts()
        while True:
            begun = loop.time()
            assert self.process is not None, "start() comes first"
            code = await self.process.wait()
            wait = restarts.wait_after(loop.time() - begun)
            log.warning("child_process_ended", child=self.name, code=code, restart_seconds=wait, log=str(self.log_file))
            await asyncio.sleep(wait)
            await self.start()

    async def stop(self, grace_seconds: float) -> None:
        """Stop it: SIGTERM first, SIGKILL after the grace."""
        process = self.process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), grace_seconds)
        except TimeoutError:
            log.warning("child_process_not_ended", child=self.name, grace_seconds=grace_seconds)
            process.kill()
            await process.wait()
