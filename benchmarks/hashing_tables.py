"""The table of hashing in Markdown: a pure function of the results."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from benchmarks.tables import table

MEGABYTE = 1e6
SHARD_SECONDS = 60
"""That a shard is planned to take, by default."""


def hashing(part: dict[str, Any]) -> Iterator[str]:
    """Bytes a second with and without hashing, and the ratio in the same run."""
    size, rounds = part["bytes"], part["rounds"]
    yield (
        f"A file of {size / MEGABYTE:,.0f} MB in a local artifact store is read in pieces of 64 KiB in two ways: with "
        "hashing, as a download reads it, and without hashing, as a later range of a verified file is read. Then it is "
        f"staged for a shard: linked and hashed. The two ways take turns, {len(rounds)} times. The figures are "
        "medians.\n"
    )
    rates = {name: median(size / one[name] / MEGABYTE for one in rounds) for name in ("hashed", "alone", "staged")}
    ratio = median(one["hashed"] / one["alone"] for one in rounds)
    yield from table(
        ("read and hashed", "only read", "ratio of the times", "staged"),
        [
            (
                *(f"{rates[name]:,.0f} MB/s" for name in ("hashed", "alone")),
                f"{ratio:.2f}",
                f"{rates['staged']:,.0f} MB/s",
            )
        ],
    )
    seconds = 100 / rates["staged"]
    share = 100 * seconds / SHARD_SECONDS
    yield (
        f"Weights of 100 MB are staged in {seconds:.2f} s, which is {share:.1f}% of the {SHARD_SECONDS} s that a shard "
        "is planned to take ([why](../decisions/0069-bytes-are-hashed-whenever-they-are-read.md)).\n"
    )
