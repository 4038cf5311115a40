"""Progress: bars on a terminal, plain lines elsewhere, nothing with --quiet."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn
from rich.table import Column
from rich.text import Text

from modicum.cli.consoles import print_text, stderr
from modicum.resource_names import printable
from modicum.sources.images import Image
from modicum.sources.signatures import unlike_images, unlike_text
from modicum.sources.skipped import Skipped
from modicum.transfers import ProgressCallback, TransferProgress

PLAIN_LINE_SECONDS = 10.0
MEBIBYTE = 1024 * 1024
STEP_COLUMNS = 22
BAR_COLUMNS = 12
WIDE_COLUMNS = 80
#: What rich calls a terminal with colours enough for pictures.
PICTURE_COLOURS = frozenset({"256", "truecolor"})


class View(Protocol):
    """Shows progress. `share` is from 0 to 1."""

    def say(self, text: str) -> None:
        """Show one line."""

    def draw(self, make: Callable[[int], Text | None]) -> None:
        """Show a drawing where it can be seen. `make` gets the columns, and is called only then."""

    def show(self, step: str, share: float, detail: str) -> None:
        """Show the progress of a step."""


class SilentView:
    """Shows nothing."""

    def say(self, text: str) -> None:
        """Show nothing."""

    def draw(self, make: Callable[[int], Text | None]) -> None:
        """Show nothing."""

    def show(self, step: str, share: float, detail: str) -> None:
        """Show nothing."""


class PlainView:
    """Prints lines: the first and the last of each step, and one every 10 seconds in between."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._step = ""
        self._finished = False
        self._last = 0.0

    def say(self, text: str) -> None:
        """Show one line."""
        print_text(self._console, text)

    def draw(self, make: Callable[[int], Text | None]) -> None:
        """Show nothing: a drawing would spoil a log."""

    def show(self, step: str, share: float, detail: str) -> None:
        """Print a line if it is time for one."""
        new, finished = step != self._step, share >= 1
        if new or (finished and not self._finished) or monotonic() - self._last >= PLAIN_LINE_SECONDS:
            self.say(f"{step}: {share:4.0%}  {detail}")
            self._last = monotonic()
        self._step, self._finished = step, finished


class LiveView:
    """Shows a bar for each step."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._bars: dict[str, TaskID] = {}

    def say(self, text: str) -> None:
        """Show one line above the bars."""
        print_text(self._progress.console, text)

    def draw(self, make: Callable[[int], Text | None]) -> None:
        """Show a drawing above the bars, if the terminal has colours for it."""
        console = self._progress.console
        if console.color_system not in PICTURE_COLOURS or console.no_color or console.options.ascii_only:
            return
        drawn = make(console.width)
        if drawn is not None:
            console.print(drawn)

    def show(self, step: str, share: float, detail: str) -> None:
        """Move the bar of the step."""
        if step not in self._bars:
            self._bars[step] = self._progress.add_task(step, total=1.0, detail=detail)
        self._progress.update(self._bars[step], completed=share, detail=detail)


@contextmanager
def view(*, quiet: bool) -> Iterator[View]:
    """The view that fits stderr: bars on a terminal that can move its cursor, lines elsewhere."""
    console = stderr()
    if quiet:
        yield SilentView()
    elif not (console.is_terminal and sys.stderr.isatty()) or console.is_dumb_terminal:
        yield PlainView(console)
    else:
        with live_progress(console) as progress:
            yield LiveView(progress)


def live_progress(console: Console) -> Progress:
    """Bars of one line each: what does not fit the terminal is cut off at the end of the detail.

    On a narrow terminal names and bars are shorter, so that the time that is left is seen.
    """
    parts = 1 if console.width >= WIDE_COLUMNS else 2
    return Progress(
        TextColumn("{task.description}", table_column=_cut(max_width=STEP_COLUMNS // parts)),
        BarColumn(bar_width=BAR_COLUMNS // parts),
        TaskProgressColumn(),
        TextColumn("{task.fields[detail]}", table_column=_cut(ratio=1)),
        console=console,
        expand=True,
    )


def _cut(*, ratio: int | None = None, max_width: int | None = None) -> Column:
    return Column(no_wrap=True, overflow="ellipsis", ratio=ratio, max_width=max_width)


def say_files(shown: View, photos: Path, images: Sequence[Image], skipped: Skipped) -> None:
    """Say what is skipped or left out, why images have no labels, and which files look like no image, if any."""
    if text := str(skipped):
        shown.say(f"{printable(str(photos))}: {text}")
    if unlike := unlike_images(images):
        shown.say(f"{printable(str(photos))}: {unlike_text(unlike)}")


def upload_progress(shown: View, step: str) -> ProgressCallback:
    """A callback that shows the progress of an upload as a step."""

    def show(progress: TransferProgress) -> None:
        sent = progress.bytes_done / progress.bytes_total if progress.bytes_total else 1.0
        share = 1.0 if progress.files_done == progress.files_total else min(sent, 0.99)
        size = f"{progress.bytes_done / MEBIBYTE:.1f} of {progress.bytes_total / MEBIBYTE:.1f} MiB"
        shown.show(step, share, f"{progress.files_done} of {progress.files_total} files, {size}")

    return show
