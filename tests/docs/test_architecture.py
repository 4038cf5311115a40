"""The architecture is true: its folders exist, pictures and layers are those of the code. `test_map` has the map."""

import re
from pathlib import Path

import pytest

from docs.drawings import DRAWINGS, IMAGES, layers, way
from tests.docs.documents import ROOT

PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
SERVER = ROOT / "service" / "server" / "modicum_server"


@pytest.mark.parametrize("name", DRAWINGS)
def test_a_picture_is_drawn_from_the_code_as_it_is(name):
    assert (IMAGES / name).read_text(encoding="utf-8") == DRAWINGS[name](), "run `python -m docs.drawings`"
    assert f"(images/{name})" in PAGE


def test_the_picture_of_layers_has_a_few_words_on_every_package():
    assert set(layers.WORDS) == {name for row in layers.layers() for name in row}
    assert set(layers.WORDS) >= layers.CORE_PACKAGES


def test_every_package_of_the_server_is_in_the_picture():
    packages = {path.stem for path in SERVER.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}

    assert packages - {"__init__"} == set(layers.WORDS)


@pytest.mark.parametrize("folder", sorted({step.where for step in way.STEPS} | set(way.HOMES)))
def test_every_folder_on_the_way_exists(folder):
    assert (ROOT / folder / "__init__.py").exists()


def test_every_folder_of_the_repository_is_on_the_map():
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and not path.name.startswith((".", "_"))}
    mapped = {Path(link).parts[0] for link in re.findall(r"\]\(\.\./([\w/]+)\)", PAGE)}

    assert folders - {"dist", "build"} <= mapped
