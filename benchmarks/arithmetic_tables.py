"""The table of searches in bfloat16."""

from collections.abc import Iterator
from typing import Any

from benchmarks.tables import table


def arithmetic(part: dict[str, Any]) -> Iterator[str]:
    """Seconds and sizes in bfloat16 over those in float32."""
    yield (
        "[`chosen_speedups`](../how-to/use-the-library.md#go-faster) searches the same images in float32 and in "
        "bfloat16, ten images in turn, with mask_optimization and one thread. Seconds are those of the processor. It "
        "chooses bfloat16 if that needs at most 0.8 of the seconds and the sizes agree by [the method's "
        "rule](../method.md#what-can-be-compared).\n"
    )
    yield from table(
        ("model", "passes an image", "images", "seconds, bfloat16 / float32", "sizes, bfloat16 / float32", "chosen"),
        [
            (
                f"{row['name']}, {row['pictures']}",
                f"{row['passes']:,}",
                str(row["sizes"]["images"]) if row["sizes"] else "0",
                _ratio(row["seconds"], "value"),
                _ratio(row["sizes"], "mean"),
                f"**{row['chosen']}**" + (f": {row['reason']}" if row["reason"] else ""),
            )
            for row in part["rows"]
        ],
    )
    for reason in part["absent"]:
        yield f"\nNot measured: {reason}."


def _ratio(figures: dict[str, Any] | None, key: str) -> str:
    if figures is None or figures[key] is None:
        return "not measured"
    return f"{figures[key]:.2f} [{figures['low']:.2f}, {figures['high']:.2f}]"
