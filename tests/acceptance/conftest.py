"""Fixtures of the acceptance tests: a user's files, one server with every real part, and a place to run commands."""

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests import service_logs
from tests.acceptance.acceptance_running import Place, Running, running_server
from tests.acceptance.acceptance_stage import write_materials


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.nodeid.startswith("tests/acceptance/"):
            item.add_marker("acceptance")


@pytest.fixture(scope="package")
def materials(tmp_path_factory) -> Path:
    """A model, its class labels and photographs, as a user has them. Tests must not change them."""
    folder = tmp_path_factory.mktemp("materials")
    write_materials(folder)
    return folder


@pytest.fixture(scope="package")
def server() -> Iterator[Running]:
    """One server for all tests that do not change it. It accepts programs."""
    folder = Path(tempfile.mkdtemp(prefix="ma-"))
    folder.chmod(0o711)
    with service_logs.shown(folder), running_server(folder, MODICUM_ALLOW_EXECUTABLES="true") as running:
        yield running
    shutil.rmtree(folder)


@pytest.fixture
def place(server, materials, tmp_path, forked_modicum) -> Place:
    """The folder of a user of `server`, with the files in it. Its commands need not be imported each time."""
    shutil.copytree(materials, tmp_path, dirs_exist_ok=True)
    return replace(server.client_place(tmp_path), forked=forked_modicum)


@pytest.fixture
def local_place(materials, short_folder) -> Place:
    """The folder of a user without a server, with the files in it."""
    shutil.copytree(materials, short_folder, dirs_exist_ok=True)
    return Place.make(short_folder)
