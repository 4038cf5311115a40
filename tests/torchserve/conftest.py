"""A TorchServe of its own for the module that asks for it, with the probing handler."""

import asyncio
import hashlib
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from modicum_server.domain.models import InputSpecification, ModelVersion, VersionState, Weights
from modicum_server.domain.tasks import CheckWork, Task
from modicum_server.settings import Settings
from modicum_server.torchserve.adapter import TorchServe

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


def task(id, attempt=3):
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
    return Task(id=id, attempt=attempt, model_version=version, work=CheckWork())


async def heard(server, id, *, slot=0, cancelled=None, attempt=3):
    return [event async for event in server.run(slot, task(id, attempt), cancelled or Never())]


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(run_folder, tmp_path_factory):
    settings = Settings(run_folder=run_folder, slots=2, hang_seconds=3, grace_seconds=2, _env_file=None)
    started = TorchServe(settings, FolderOfArtifacts(tmp_path_factory.mktemp("artifacts")), handler=HANDLER)
    await started.start()
    yield started
    await started.stop()
    await asyncio.sleep(0)
