"""The examples that need no server run as they stand."""

import re
import subprocess
import sys
from datetime import date
from unittest.mock import create_autospec

import nbformat
import pytest
from modicum import Client
from modicum.gate.policy_file import policy_given, policy_of
from modicum.sources import npy
from modicum.sources.images import SUFFIXES
from nbclient import NotebookClient
from PIL import Image

from tests.docs.documents import ROOT

EXAMPLES = ROOT / "examples"
PYTHON_CLIENT = ROOT / "docs" / "how-to" / "use-the-python-client.md"
SUSPECTED_CUE = ROOT / "docs" / "how-to" / "test-a-suspected-cue.md"


@pytest.mark.long
def test_the_library_example_finds_subsets(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "library.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert re.search(r"^\d+ of 20 digits have a subset; median size \d+ of 784 pixels$", done.stdout, re.MULTILINE)
    assert re.search(r"^for a random other class the same search finds one on \d+ of \d+$", done.stdout, re.MULTILINE)


def test_the_policy_in_a_dictionary_is_valid_and_the_gate_takes_it():
    (example,) = re.findall(r"^```python\n(policy = .*?)^```$", PYTHON_CLIENT.read_text(), re.MULTILINE | re.DOTALL)
    client = create_autospec(Client, instance=True)

    exec(example, {"client": client, "model": "m", "photos": "d"})  # the page's own text

    _, _, policy = client.gate.call_args.args
    read = policy_of(*policy_given(policy), today=date(2026, 1, 1))
    assert {rule.id for rule in read.rules} >= {"spot", "accuracy"}


def written_without_mark(folder) -> str:
    """Run the script of the page on a suspected cue in a folder, and return what it prints."""
    (script,) = re.findall(r"^```python\n(.*?)^```$", SUSPECTED_CUE.read_text(), re.MULTILINE | re.DOTALL)
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


@pytest.mark.parametrize(("size", "painted"), [((32, 32), (26, 29, 32, 32)), ((3, 2), (2, 1, 3, 2))])
def test_the_script_for_a_watermark_paints_over_a_corner_of_any_picture(tmp_path, size, painted):
    endings = [*SUFFIXES - {npy.SUFFIX}, ".JPG"]
    originals = tmp_path / "photos" / "cat"
    originals.mkdir(parents=True)
    for number, ending in enumerate(endings):
        Image.new("RGB", size, "white").save(originals / f"{number}{ending}")

    said = written_without_mark(tmp_path)

    assert said == f"pictures written to without-mark: {len(endings)}\n"
    for number, ending in enumerate(endings):
        with Image.open(tmp_path / "without-mark" / "cat" / f"{number}{ending}") as changed:
            assert changed.size == size
            dark = changed.convert("L").point(lambda value: 255 * (value < 192))
        assert dark.getbbox() == painted, ending


def test_the_script_for_a_watermark_says_that_it_wrote_nothing(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "labels.csv").write_text("file,label\n")

    assert written_without_mark(tmp_path) == "pictures written to without-mark: 0\n"


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's packages
def test_the_notebook_runs_and_draws_its_pictures():
    notebook = nbformat.read(EXAMPLES / "digits.ipynb", as_version=4)

    NotebookClient(notebook, timeout=240, startup_timeout=240, kernel_name="python3").execute()

    assert pictures(notebook) == 2


def test_the_notebook_is_stored_with_its_pictures():
    assert pictures(nbformat.read(EXAMPLES / "digits.ipynb", as_version=4)) == 2


def pictures(notebook: nbformat.NotebookNode) -> int:
    """How many pictures its cells hold."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return sum("image/png" in output.get("data", {}) for output in outputs)
