"""The example of a package with an architecture of one's own: it is built, installed without a network, and used."""

import json
import re
import runpy
import shutil
import subprocess
import sys
import venv
from importlib import metadata
from pathlib import Path

import pytest
import torch
from modicum_server.domain.buildable import Family
from modicum_server.model_process import buildable
from modicum_server.model_process.architectures import ENTRY_POINTS, build_architecture
from safetensors.torch import save_file

from tests.acceptance.acceptance_running import running_server
from tests.acceptance.acceptance_stage import CLASSES, write_materials
from tests.deploy.dockerfile_reading import REPOSITORY
from tests.deploy.environments import install, lend_packages
from tests.waiting import eventually

EXAMPLE = REPOSITORY / "examples" / "own_architecture"
PAGE = REPOSITORY / "docs" / "how-to" / "add-an-architecture.md"
DECLARED = ("--input", "input.toml", "--class-labels", "labels.txt")


def copied(folder: Path) -> Path:
    """The example, in a folder where a build may leave its files."""
    return shutil.copytree(EXAMPLE, folder / "own_architecture")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel of the example, built by what is installed here."""
    folder = tmp_path_factory.mktemp("example")
    words = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check"]
    words += ["--no-deps", "--no-index", "--no-build-isolation", "--wheel-dir", str(folder), str(copied(folder))]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stderr
    return next(folder.glob("acme_nets-*.whl"))


@pytest.mark.parametrize("file", ["acme_nets.py", "pyproject.toml"])
def test_the_page_shows_the_files_of_the_example(file):
    shown = re.findall(r"^```(?:python|toml)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)

    assert (EXAMPLE / file).read_text() in shown


def test_the_example_says_its_name_and_builds_it_once_installed(wheel, tmp_path, monkeypatch):
    install(Path(sys.executable), "--no-deps", "--no-index", "--target", tmp_path, wheel)
    monkeypatch.syspath_prepend(str(tmp_path))
    (point,) = metadata.entry_points(group=ENTRY_POINTS, name="acme")

    try:
        assert buildable._of_point(point) == Family(("tiny",))
        module = build_architecture("acme:tiny", 5)
    finally:
        sys.modules.pop("acme_nets", None)

    assert module(torch.zeros(2, 3, 32, 48)).shape == (2, 5)


def refused_at_the_door(place, programs) -> str:
    """What the command says if nothing was uploaded; nothing before the worker has said what it builds."""
    words = ("models", "create", "huge", "--weights", "tiny.safetensors", "--architecture", "acme:huge", *DECLARED)
    done = place.run(programs / "modicum", *words)
    return "" if "uploading" in done.messages else done.messages


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_server_with_the_example_audits_its_network_and_refuses_another_name_at_the_door(wheels, wheel, short_folder):
    venv.create(short_folder / "environment", with_pip=False)
    programs = short_folder / "environment" / "bin"
    install(programs / "python", "--no-deps", "--no-index", *wheels.values(), wheel)
    lend_packages(programs / "python")
    write_materials(short_folder)
    network = runpy.run_path(str(EXAMPLE / "acme_nets.py"))["build"]("tiny", len(CLASSES))
    save_file(network.state_dict(), short_folder / "tiny.safetensors")

    with running_server(short_folder, programs / "modicum-server") as server:
        place = server.client_place(short_folder)
        audited = place.run(
            *(programs / "modicum", "audit", "photos", "--weights", "tiny.safetensors", *DECLARED),
            *("--architecture", "acme:tiny"),
            *("--threshold", 0.3, "--passes", 40, "--no-controls", "--output", "result.json"),
        )
        assert audited.code == 0, audited.messages
        assert json.loads((short_folder / "result.json").read_text())["rows"]
        refused = eventually(lambda: refused_at_the_door(place, programs), "a worker that has said what it builds")

    assert "acme:huge does not exist; known are acme:tiny." in " ".join(refused.split())
