"""The wheels of the three distributions."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.dockerfile_reading import REPOSITORY


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The wheels by distribution, built as `make wheels` and the Dockerfile build them."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, "tools/wheels.py", str(folder)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}
