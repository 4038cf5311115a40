"""The page of the result document names every key of a document, of a measure and of a finding's row."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest

from tests.docs.documents import ROOT

GOLDEN = ROOT / "tests" / "measures" / "golden"
PAGE = (ROOT / "docs" / "reference" / "result-document.md").read_text(encoding="utf-8")
NAMED = {word.strip("[]") for name in re.findall(r"`([\w.\[\]]+)`", PAGE) for word in name.split(".")}
DOCUMENT = json.loads((GOLDEN / "result.json").read_text(encoding="utf-8"))
SEARCH = DOCUMENT["models"][0]["searches"][0]
ROW = json.loads((GOLDEN / "finding.jsonl").read_text(encoding="utf-8").splitlines()[0])


@pytest.mark.parametrize(
    "part",
    [
        pytest.param(DOCUMENT, id="document"),
        pytest.param(DOCUMENT["models"][0], id="version"),
        pytest.param(SEARCH, id="search"),
        pytest.param(next(iter(SEARCH["measures"].values())), id="measure"),
        pytest.param(ROW, id="row"),
    ],
)
def test_the_page_names_every_key(part: Mapping[str, Any]):
    assert set(part) - NAMED == set()
