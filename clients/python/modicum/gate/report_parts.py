"""Parts of a report in JSON that are treated apart. Reads none of them."""

BESIDE_THE_RESULT = frozenset({"deleted", "reviews", "rows", "spot_pictures"})
"""Parts that a report adds to the stored result."""
LEFT_AS_THEY_ARE = BESIDE_THE_RESULT | {"spots"}
"""Parts without measures of counts. The rule of the spot test judges counts of its own."""
