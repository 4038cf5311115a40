"""The examples that need no server run as they stand."""

import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient

from tests.docs.documents import ROOT

EXAMPLES = ROOT / "examples"


def test_the_library_example_finds_subsets(tmp_path):
    done = subprocess.run(
        [sys.executable, EXAMPLES / "library.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    assert re.search(r"^\d+ of 20 digits have a subset; median size \d+ of 784 pixels$", done.stdout, re.MULTILINE)
    assert re.search(r"^for a random other class the same search finds one on \d+ of \d+$", done.stdout, re.MULTILINE)


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's packages
def test_the_notebook_runs_and_draws_its_pictures():
    notebook = nbformat.read(EXAMPLES / "digits.ipynb", as_version=4)

    NotebookClient(notebook, timeout=240, kernel_name="python3").execute()

    assert pictures(notebook) == 2


def test_the_notebook_is_stored_with_its_pictures():
    assert pictures(nbformat.read(EXAMPLES / "digits.ipynb", as_version=4)) == 2


def pictures(notebook: nbformat.NotebookNode) -> int:
    """How many pictures its cells hold."""
    outputs = (output for cell in notebook.cells for output in cell.get("outputs", ()))
    return sum("image/png" in output.get("data", {}) for output in outputs)
