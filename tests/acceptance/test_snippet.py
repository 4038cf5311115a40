"""The README's lines for the client run unchanged in a user's folder, with no server set."""

import re
from pathlib import Path

import pytest

from tests.acceptance.acceptance_running import Place
from tests.acceptance.acceptance_stage import write_imagenet_materials
from tests.waiting import eventually

README = Path(__file__).parents[2] / "README.md"
LOOK = """
    mask = finding.subset.mask
    print("mask", mask.dtype, mask.shape, mask.sum() == finding.subset.size)
"""


def snippet() -> str:
    blocks = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    return next(block for block in blocks if "with Client() as client" in block)


@pytest.mark.long
def test_the_snippet_of_the_readme_runs_as_it_stands_and_its_server_leaves(short_folder):
    place = Place.make(short_folder).with_variables(MODICUM_DEFAULT_PASSES="12")
    write_imagenet_materials(short_folder, photographs=4)
    (short_folder / "snippet.py").write_text(snippet() + LOOK)

    done = place.run("python", "snippet.py")

    assert done.code == 0, done.messages
    *events, rate, mask = done.output.splitlines()
    assert events[-1] == "4 4"
    assert rate.startswith(("0.", "1.", "n"))
    assert "class-targeted" in rate
    assert mask == "mask bool (224, 224) True"
    eventually(lambda: not (place.data / "server.json").exists())
    eventually(lambda: place.leftovers == [])
