"""The bytes of a row: an artifact is named by its digest, so a finding has the same row in every release."""

import gzip
from pathlib import Path

from tests.measures.example_audit import pack
from tests.measures.whole_finding import whole_finding

GOLDEN = Path(__file__).parent / "golden" / "finding.jsonl"


def test_the_row_of_a_finding_keeps_its_bytes():
    packed = pack([whole_finding("VERSION", "OTHER")])

    assert gzip.decompress(packed) == GOLDEN.read_bytes()
