"""The code in the README runs unchanged, and gives the results in its comments."""

import re
from pathlib import Path

import pytest
from modicum_sis import BatchedGradient, MaskOptimization, find_subsets

from tests.sis.sis_models import TinyNetwork, network_classifier, random_images

README = Path(__file__).parents[2] / "service" / "sis" / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
RESULT = re.compile(r"^(?P<expression>[\w.(),=\[\] ]+?)  # (?P<shown>tensor\(.*\))$", flags=re.MULTILINE)


@pytest.fixture
def notebook():
    """The names that a reader has: a module, images, and the findings of an earlier cell."""
    classifier, images, search = network_classifier(), random_images(3), BatchedGradient(16)
    findings = list(find_subsets(classifier, images, threshold=0.5, search=search))
    assert any(finding.subset is not None for finding in findings)
    return {
        "torch_module": TinyNetwork(),
        "images": images,
        "photographs": random_images(5, seed=1),
        "classifier": classifier,
        "findings": findings,
        "search": search,
        "find_subsets": find_subsets,
        "MaskOptimization": MaskOptimization,
    }


@pytest.mark.parametrize("block", BLOCKS, ids=[block.splitlines()[0][:40] for block in BLOCKS])
def test_each_code_block_runs_and_gives_the_results_in_its_comments(block, notebook, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(block, str(README), "exec"), notebook)

    for shown in RESULT.finditer(block):
        assert repr(eval(shown["expression"], notebook)).split() == shown["shown"].split()  # torch aligns its columns
    assert ("print(" in block) == bool(capsys.readouterr().out)


def test_the_readme_shows_the_search_the_procedure_and_the_controls():
    assert len(BLOCKS) >= 3
    assert sum(len(RESULT.findall(block)) for block in BLOCKS) == 2
