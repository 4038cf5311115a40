"""Lines of Markdown can be read in an editor and in a diff."""

import re

import pytest

from tests.docs.documents import ROOT, documents

LONGEST_LINE_CHARACTERS = 140
WRITTEN_BY_PROGRAMS = re.compile(r"\s*(\||!\[)")  # a row of a table, a picture


REWRITTEN_NOW = {"README.md", "clients/python/README.md", "service/sis/README.md"}


@pytest.mark.parametrize("document", [one for one in documents() if str(one) not in REWRITTEN_NOW], ids=str)
def test_no_line_is_long_but_those_of_tables(document):
    lines = enumerate((ROOT / document).read_text(encoding="utf-8").splitlines(), start=1)

    assert [n for n, line in lines if len(line) > LONGEST_LINE_CHARACTERS and not WRITTEN_BY_PROGRAMS.match(line)] == []
