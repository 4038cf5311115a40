"""The page of what was tried names tests that exist, and refusals that the client gives in these words."""

import re
import shlex

import pytest
from modicum.errors import InvalidArgument
from modicum.sources.label_names import found_with_names
from modicum.sources.model_files import model_file

from tests.docs.documents import ROOT
from tests.model_files import SAFETENSORS, network_of

PAGE = (ROOT / "docs" / "reference" / "tried-models.md").read_text(encoding="utf-8")


def rows(title: str) -> list[list[str]]:
    """The cells of the rows of the table below a title."""
    (section,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", PAGE, re.MULTILINE | re.DOTALL)
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


FILES = (
    "w.safetensors",
    "w.h5",
    "w.onnx",
    "w.tflite",
    "w.mlmodel",
    "w.msgpack",
    "w.pdparams",
    "w.xml",
    "w.plan",
    "w.gguf",
)
WHOLE = {".safetensors": SAFETENSORS, ".onnx": network_of(b"x")}
WAYS = [*rows("Models"), *rows("Pictures")]
REFUSED = [row for row in rows("What is refused") if row[2]]


@pytest.mark.parametrize("row", WAYS, ids=lambda row: row[0])
def test_every_way_names_a_test_that_exists(row):
    _, run_with, test, _ = row

    assert run_with
    assert (ROOT / test.strip("`")).is_file()


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in (*FILES, "saved/saved_model.pb", "pickled/pytorch_model.bin", "photos.zip", "photos.tar.gz"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(WHOLE.get(path.suffix, b"x"))
    (tmp_path / "pickled" / "config.json").write_text('{"model_type": "vit"}')
    (tmp_path / "vit").mkdir()
    (tmp_path / "vit" / "config.json").write_text('{"model_type": "vit"}')
    (tmp_path / "vit" / "model.safetensors").write_bytes(SAFETENSORS[:5])
    for label in ("n01", "n02"):
        (tmp_path / "ids" / label).mkdir(parents=True)
        (tmp_path / "ids" / label / "a.jpg").touch()
    (tmp_path / "words.txt").write_text("n01 tench\n")


def read(photos, options, *, names):
    """What the command reads first: of a model its file and its input, of pictures their names."""
    if not options:
        return found_with_names(photos, names=names)
    return model_file(**{name.removeprefix("--"): value for name, value in options.items()}).input(None)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row[0])
def test_what_is_refused_is_refused_in_these_words(row, place):
    _, given, says = row
    words = shlex.split(given.strip("`"))
    options = dict(zip(words[::2], words[1::2], strict=True)) if words[0].startswith("--") else {}

    with pytest.raises(InvalidArgument, match=re.escape(says)):
        read(words[0], options, names=words[2] if "--label-names" in words else None)
