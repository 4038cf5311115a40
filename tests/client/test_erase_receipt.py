"""The receipt that `modicum erase` prints."""

from datetime import UTC, datetime

import pytest
from modicum.cli.erase import _lines
from modicum.erasures import Erasure, ErasureState

ERASURE = Erasure(
    name="projects/default/erasures/one",
    image_digest="1" * 64,
    state=ErasureState.DONE,
    principal="ada",
    create_time=datetime(2026, 11, 28, tzinfo=UTC),
    end_time=None,
    items=(),
    findings=1,
    predictions=0,
    spot_rows=1,
    reviews=(),
    swaps=(),
    verdicts=(),
    results=(),
    artifacts=(),
    kept_for=(),
)


@pytest.mark.parametrize("line", ["deleted: 1 finding, 0 predictions", "changed: 1 row of the spot test"])
def test_one_of_a_thing_is_named_in_the_singular(line):
    assert line in list(_lines(ERASURE))
