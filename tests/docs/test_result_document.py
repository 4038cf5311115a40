"""The page of the result document names every key of a document, of a measure and of a finding's row."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from modicum_server.domain.spots import SpotKind
from modicum_server.measures.rows import finding_row

from tests.borders.records import FINDING
from tests.docs.documents import ROOT
from tests.gate.server_documents import CATS, EVERYONE, served, trial

GOLDEN = ROOT / "tests" / "measures" / "golden"
PAGE = (ROOT / "docs" / "reference" / "result-document.md").read_text(encoding="utf-8")
NAMED = {word.strip("[]") for name in re.findall(r"`([\w.\[\]]+)`", PAGE) for word in name.split(".")}
DOCUMENT = json.loads((GOLDEN / "result.json").read_text(encoding="utf-8"))
SEARCH = DOCUMENT["models"][0]["searches"][0]
ROW = finding_row(FINDING)


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


def section(title: str) -> str:
    """The part of the page under a heading."""
    return PAGE.split(f"## {title}\n")[1].split("\n## ")[0]


def keys(value: Any) -> set[str]:
    """Every key at any depth; measures have keys of their own."""
    if isinstance(value, list):
        return {name for one in value for name in keys(one)}
    if isinstance(value, Mapping):
        within = (keys(one) for name, one in value.items() if name != "measures")
        return {*value, *value.get("measures", ()), *(name for names in within for name in names)}
    return set()


def test_the_tables_of_the_spot_test_name_every_key_of_it():
    sources = EVERYONE[:CATS]
    document, _ = served(trial(sources, follow=True), trial(sources, follow=False, half=1, kind=SpotKind.PATTERN))

    missing = {
        key for key in keys(document["spots"]) if f"`{key}`" not in section("Of each spot test").replace("[]", "")
    }

    assert missing == set()
