"""The package of the TypeScript client: its types, its contents, and that its contract is the server's."""

import json
import tarfile
from pathlib import Path

import modicum
import pytest

from tests.node_packages import CLIENT, LOCK, installed, npm, packed
from tools import typescript

#: What a package has beside what is compiled.
BESIDE = {"package.json", "README.md", "LICENSE"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    return packed(tmp_path_factory.mktemp("package"))


@pytest.mark.long
def test_its_types_are_strict():
    installed()

    npm("run", "check")


def test_its_contract_is_that_of_the_server():
    installed()

    fresh = typescript.contract()

    assert typescript.CONTRACT.read_text(encoding="utf-8") == fresh, "run `python tools/typescript.py`"


@pytest.mark.long
def test_it_ships_what_its_sources_become_with_types_and_no_tests(archive):
    with tarfile.open(archive) as opened:
        names = {name.removeprefix("package/") for name in opened.getnames()}

    sources = {path.stem for path in (CLIENT / "src").glob("*.ts")}
    assert names == BESIDE | {f"dist/{name}{ending}" for name in sources for ending in (".js", ".d.ts")}


@pytest.mark.long
def test_its_version_is_that_of_the_distributions_and_its_requirements_have_licences_that_fit(archive):
    with tarfile.open(archive) as opened:
        described = json.load(opened.extractfile("package/package.json"))

    locked = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    shipped = {locked[f"node_modules/{name}"]["license"] for name in described["dependencies"]}
    assert (described["name"], described["version"]) == ("@modicum/client", modicum.__version__)
    assert shipped == {"MIT"}


def test_it_needs_nothing_of_node():
    lines = [line for path in (CLIENT / "src").glob("*.ts") for line in path.read_text().splitlines()]
    imports = [line for line in lines if " from " in line]

    assert len(imports) > 10
    assert not [line for line in imports if '"node:' in line]


def test_its_packages_are_pinned_by_digest_and_not_by_a_registry():
    locked = json.loads(LOCK.read_text(encoding="utf-8"))["packages"]
    others = {name: one for name, one in locked.items() if name}

    assert len(others) > 5
    assert {name for name, one in others.items() if not one.get("integrity") or "resolved" in one} == set()
