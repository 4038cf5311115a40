"""Tasks for the probing handler, and what hears them."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

from modicum_server.domain.models import InputSpecification, ModelVersion, VersionState, Weights
from modicum_server.domain.tasks import CheckWork, Task, TaskHeartbeat

HANDLER = Path(__file__).with_name("probing_handler.py")
BYTES = b"weights"
DIGEST = hashlib.sha256(BYTES).hexdigest()


class FolderOfArtifacts:
    """The one method of an artifact store that a slot calls."""

    def __init__(self, folder):
        self.folder = folder
        (folder / DIGEST).write_bytes(BYTES)

    async def fetch(self, digest, destination):
        destination.hardlink_to(self.folder / digest)


class Never:
    def is_set(self):
        return False


def task(id_, attempt=3):
    specification = InputSpecification(3, 8, 8, 0.0, 1.0, 0, "bilinear", (0.5,) * 3, (0.5,) * 3)
    version = ModelVersion(
        name="projects/p/models/m/versions/1",
        source=Weights(DIGEST, "torchvision:resnet18"),
        input=specification,
        class_labels=(),
        digest="d" * 64,
        state=VersionState.READY,
        create_time=datetime.now(UTC),
    )
    return Task(id=id_, attempt=attempt, model_version=version, work=CheckWork())


async def heard(server, id_, *, slot=0, cancelled=None, attempt=3):
    return [event async for event in server.run(slot, task(id_, attempt), cancelled or Never())]


class RunningTask:
    """A task that runs while the test goes on."""

    def __init__(self, server, id_):
        self.cancelled = asyncio.Event()
        self._heartbeat = asyncio.Event()
        self.events = asyncio.create_task(self._heard(server, id_))

    async def computes(self):
        """Wait until the task reports progress after this call."""
        self._heartbeat.clear()
        reported = asyncio.create_task(self._heartbeat.wait())
        await asyncio.wait({reported, self.events}, return_when=asyncio.FIRST_COMPLETED)
        assert reported.done(), "the task ended without progress"

    async def _heard(self, server, id_):
        events = []
        async for event in server.run(0, task(id_), self.cancelled):
            events.append(event)
            if isinstance(event, TaskHeartbeat):
                self._heartbeat.set()
        return events
