"""A TorchServe of its own for the module that asks for it, with the probing handler. Nothing counts as hung soon."""

import pytest
import pytest_asyncio
from modicum_server.settings import Settings
from modicum_server.torchserve.adapter import TorchServe

from tests.torchserve.torchserve_stage import HANDLER, FolderOfArtifacts
from tests.waiting import PATIENCE_SECONDS


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    return tmp_path_factory.mktemp("run")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def server(run_folder, tmp_path_factory):
    settings = Settings(run_folder=run_folder, slots=2, hang_seconds=PATIENCE_SECONDS, grace_seconds=2, _env_file=None)
    started = TorchServe(settings, FolderOfArtifacts(tmp_path_factory.mktemp("artifacts")), handler=HANDLER)
    await started.start()
    yield started
    await started.stop()
