"""The budget and the table of uploads in Markdown: pure functions of the results."""

from collections.abc import Iterator
from typing import Any

from benchmarks.tables import met, table

MOST_SECONDS = 20
"""Of ten thousand small pictures on loopback."""


def budgets(part: dict[str, Any] | None) -> Iterator[tuple[str, ...]]:
    """Budget: the time of an upload."""
    if part is None:
        return
    name = f"upload of {part['files']:,} files of {part['bytes']:,} bytes"
    yield name, f"at most {MOST_SECONDS} s", f"{part['together']:.1f} s", met(part["together"] <= MOST_SECONDS)


def upload(part: dict[str, Any]) -> Iterator[str]:
    """Both ways side by side."""
    yield (
        f"Files of {part['bytes']:,} random bytes, about the size of pictures of CIFAR, are uploaded to a local "
        "server. *Together* means up to 256 files in one call, as the Python client sends them. *One by one* means "
        "that the client asks for each file whether the server has it, and then uploads it in a call, eight files at "
        "once.\n"
    )
    rows = [("together", part["files"], part["together"]), ("one by one", part["alone_files"], part["alone"])]
    yield from table(
        ("", "files", "seconds", "milliseconds a file"),
        [(name, f"{files:,}", f"{seconds:.1f}", f"{1000 * seconds / files:.2f}") for name, files, seconds in rows],
    )
    ratio = part["alone"] / part["alone_files"] / (part["together"] / part["files"])
    yield f"Sent together, a file takes {ratio:.0f} times less time than sent by itself.\n"
