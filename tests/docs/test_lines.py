"""Lines of Markdown can be read in an editor and in a diff."""

import re

import pytest

from tests.docs.documents import ROOT, documents

LONGEST_LINE_CHARACTERS = 140
WRITTEN_BY_PROGRAMS = re.compile(r"\s*(\||!\[)")  # a row of a table, a picture


@pytest.mark.parametrize("document", documents(), ids=str)
def test_no_line_is_long_but_those_of_tables(document):
    lines = enumerate((ROOT / document).read_text(encoding="utf-8").splitlines(), start=1)

    assert [n for n, line in lines if len(line) > LONGEST_LINE_CHARACTERS and not WRITTEN_BY_PROGRAMS.match(line)] == []
