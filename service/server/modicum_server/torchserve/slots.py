"""A slot: the folder through which a task reaches a model's process, with two marker files, `lease` and `cancel`."""

import asyncio
import contextlib
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from modicum_server.domain.models import Executable, Weights
from modicum_server.domain.tasks import ScoreWork, SearchWork, SpotWork, Task
from modicum_server.ports import ArtifactSource
from modicum_server.torchserve.messages import task_message

LEASE_SECONDS = 2.0
FETCHES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot. Its folder is never replaced, because the confinement refers to it by its inode."""

    name: str
    folder: Path
    threads: int

    def make(self) -> None:
        """Create the folder, or empty it."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.clear()

    def clear(self) -> None:
        """Delete what the last task left."""
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        """Create the file that the handler looks for between steps."""
        (self.folder / "cancel").touch()

    @asynccontextmanager
    async def staged(self, task: Task, artifacts: ArtifactSource) -> AsyncIterator[None]:
        """Put the task and its artifacts into the folder, renew its lease, and clear the folder at the end."""
        await asyncio.to_thread(self.make)
        lease = self.folder / "lease"
        lease.touch()
        beating = asyncio.create_task(_touch(lease), name=f"lease-{self.name}")
        try:
            await self._fetch(task, artifacts)
            message = task_message(task, self.threads).SerializeToString()
            await asyncio.to_thread((self.folder / "task.binpb").write_bytes, message)
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            await asyncio.to_thread(self.clear)

    async def _fetch(self, task: Task, artifacts: ArtifactSource) -> None:
        place = self.folder / "artifacts"
        place.mkdir(mode=0o700)
        room = asyncio.Semaphore(FETCHES_AT_ONCE)

        async def fetch(digest: str) -> None:
            async with room:
                await artifacts.fetch(digest, place / digest)

        try:
            async with asyncio.TaskGroup() as group:
                for digest in (*sorted(weights_of(task)), *sorted(pictures_of(task))):
                    group.create_task(fetch(digest))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors


def weights_of(task: Task) -> frozenset[str]:
    """Return the digests of the weights and programs that a task loads."""
    versions = (task.model_version, *task.parts)
    return frozenset(version.source.digest for version in versions if isinstance(version.source, Weights | Executable))


def pictures_of(task: Task) -> frozenset[str]:
    """Return the digests of the images that a task needs, with their boxes and masks."""
    digests: set[str] = set()
    if isinstance(task.work, SearchWork | ScoreWork):
        digests |= {item.image_digest for item in task.work.donors}
    if isinstance(task.work, SearchWork | ScoreWork | SpotWork):
        digests |= {item.image_digest for item in task.work.items}
        digests |= {digest for item in task.work.items for digest in (item.boxes_digest, item.mask_digest) if digest}
    return frozenset(digests)


async def _touch(lease: Path) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS)
        # The disk may be full, or the folder gone: the model's process then ends by itself.
        with contextlib.suppress(OSError):
            os.utime(lease)
