"""The benchmark of hashing: its table has bytes a second with and without, and the ratio of both in the same rounds."""

from benchmarks import hashing, hashing_tables


def test_the_table_compares_the_rounds():
    rounds = [{"hashed": hashed, "alone": 1.0, "staged": 0.5} for hashed in (2.0, 3.0, 2.5)]

    text = "\n".join(hashing_tables.hashing({"bytes": 100_000_000, "rounds": rounds}))

    assert "| 40 MB/s | 100 MB/s | 2.50 | 200 MB/s |" in text
    assert "staged in 0.50 s, which is 0.8% of the 60 s" in text


def test_both_ways_and_the_staging_are_measured():
    measured = hashing.measure_bytes(300_000)

    assert (measured["bytes"], len(measured["rounds"])) == (300_000, hashing.ROUNDS)
    assert all(seconds > 0 for one in measured["rounds"] for seconds in one.values())
