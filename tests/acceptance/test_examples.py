"""The examples with the Python client run unchanged against a server with every real part."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_the_example_audits_a_model_and_prints_its_smallest_subset(place):
    done = place.run(
        *("python", EXAMPLES / "audit.py", "photos", "--weights", "w.safetensors"),
        *("--architecture", "modicum:cifar_resnet8"),
        *("--class-labels", "labels.txt", "--input", "input.toml", "--passes", 40),
    )

    assert done.code == 0, done.messages
    assert "9 of 9 images" in done.output
    assert "overinterpretation rate" in done.output
    assert "pixels suffice" in done.output


@pytest.mark.long
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's packages
def test_the_notebook_audits_a_model_and_shows_its_bar_its_cards_and_its_figures(place, monkeypatch):
    for name in {*os.environ, *place.environment}:
        if name in place.environment:
            monkeypatch.setenv(name, place.environment[name])
        else:
            monkeypatch.delenv(name)
    notebook = nbformat.read(EXAMPLES / "client.ipynb", as_version=4)

    NotebookClient(
        notebook, timeout=240, startup_timeout=240, resources={"metadata": {"path": str(place.folder)}}
    ).execute()

    expect_what_it_shows(notebook)


def test_the_notebook_is_stored_with_what_it_shows():
    expect_what_it_shows(nbformat.read(EXAMPLES / "client.ipynb", as_version=4))


def expect_what_it_shows(notebook: nbformat.NotebookNode) -> None:
    """A bar at its end, the cards of a result and of a finding with its photograph, two figures and a table."""
    shown = [output["data"] for cell in notebook.cells for output in cell.get("outputs", ()) if "data" in output]
    cards = [data["text/html"] for data in shown if "text/html" in data]
    assert "<progress" in cards[0]
    assert "succeeded" in cards[0]
    assert "Overinterpretation rate" in cards[1]
    assert "the photograph" in cards[2]
    assert sum("image/png" in data for data in shown) == 2
    assert "predicted_class_name" in shown[-1]["text/plain"]
