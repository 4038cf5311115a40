"""The method defines whatever an audit can be asked for by name."""

import re

import pytest
from modicum_server.domain.searches import Control, Fill, SearchMethod

from tests.docs.documents import ROOT

PAGE = (ROOT / "docs" / "method.md").read_text(encoding="utf-8")
IN_TABLES = {name for row in re.findall(r"^\| (.*?) \|", PAGE, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


@pytest.mark.parametrize("name", [*Control, *Fill])
def test_the_method_has_a_row_for_every_control_and_fill(name):
    assert name.value in IN_TABLES


@pytest.mark.parametrize("name", SearchMethod)
def test_the_method_names_every_search(name):
    assert f"`{name.value}`" in PAGE
