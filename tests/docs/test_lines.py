"""Lines of Markdown can be read in an editor and in a diff, and modules of code at one sitting."""

import re

import pytest

from tests.docs.documents import ROOT, documents, files

LONGEST_LINE_CHARACTERS = 140
LONGEST_MODULE_LINES = 400
WRITTEN_BY_PROGRAMS = re.compile(r"\s*(\||!\[)")  # a row of a table, a picture
GENERATED = ("_pb2.py", "_pb2_grpc.py")


@pytest.mark.parametrize("document", documents(), ids=str)
def test_no_line_is_long_but_those_of_tables(document):
    lines = enumerate((ROOT / document).read_text(encoding="utf-8").splitlines(), start=1)

    assert [n for n, line in lines if len(line) > LONGEST_LINE_CHARACTERS and not WRITTEN_BY_PROGRAMS.match(line)] == []


def test_no_module_is_long_but_generated_ones():
    written = [file for file in files("*.py") if not file.name.endswith(GENERATED)]
    lines = {str(file): (ROOT / file).read_bytes().count(b"\n") for file in written}

    assert {file: n for file, n in lines.items() if n > LONGEST_MODULE_LINES} == {}
