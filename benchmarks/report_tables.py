"""The report's budgets and table in Markdown: pure functions of the results."""

from collections.abc import Iterator
from typing import Any

from benchmarks.tables import met, table

MOST_MEGABYTES, MOST_MILLISECONDS = 25, 1_000
MOST_SCREEN_MILLISECONDS = 50
"""Of scrolling a screen further, in the median: two frames, which take 33 ms, and less than one that is late."""


def budgets(part: dict[str, Any] | None) -> Iterator[tuple[str, ...]]:
    """Budgets: the size of the page, its first paint, and scrolling."""
    if part is None:
        return
    images, size = f"{part['images']:,}", part["megabytes"]
    yield f"report of {images} images", f"under {MOST_MEGABYTES} MB", f"{size:.1f} MB", met(size < MOST_MEGABYTES)
    if part["chromium"] is None:
        return
    paint = part["chromium"]["first_paint_median"]
    yield (
        f"first paint of the report of {images} images",
        f"under {MOST_MILLISECONDS / 1000:g} s",
        f"{paint / 1000:.2f} s",
        met(paint < MOST_MILLISECONDS),
    )
    screen = part["chromium"]["screen_median"]
    yield (
        f"scrolling the report of {images} images a screen further, median",
        f"under {MOST_SCREEN_MILLISECONDS} ms",
        f"{screen:.0f} ms",
        met(screen < MOST_SCREEN_MILLISECONDS),
    )


def report(part: dict[str, Any]) -> Iterator[str]:
    """The page's size and times."""
    yield (
        f"This is the report of {part['images']:,} images of {part['side']}x{part['side']} pixels. The images are "
        "noise, which JPEG hardly compresses, and the findings are invented: no model runs. Chromium opens the file "
        "and scrolls it screen by screen; a screen takes two frames.\n"
    )
    yield from table(("", "figure"), _figures(part))


def _figures(part: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    yield "size", f"{part['megabytes']:.1f} MB"
    yield "made in", f"{part['seconds']:.1f} s"
    opened = part["chromium"]
    if opened is None:
        yield "first paint", "not measured: there is no Chromium"
        return
    yield (
        f"first paint, median of {opened['openings']}",
        f"{opened['first_paint_median']:.0f} ms (highest {opened['first_paint_highest']:.0f} ms)",
    )
    yield (
        f"a screen further, median of {opened['screens']}",
        f"{opened['screen_median']:.0f} ms (highest {opened['screen_highest']:.0f} ms)",
    )
