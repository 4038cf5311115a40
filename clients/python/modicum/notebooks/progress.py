"""A progress bar: in a notebook one that moves in place, elsewhere lines on stderr. It runs no script."""

import sys
from importlib import import_module
from time import monotonic
from typing import Any

from modicum.notebooks.audits import state_text
from modicum.notebooks.markup import card, text
from modicum.snapshots import AuditSnapshot
from modicum.transfers import TransferProgress

#: Between two lines where there is no notebook.
LINE_SECONDS = 10.0
MEBIBYTE = 1024 * 1024


class ProgressBar:
    """Shows how far an upload or an audit is. Give it as `progress` to what takes long.

    `client.models.register(..., progress=ProgressBar())`, `client.datasets.upload(..., progress=ProgressBar())`,
    `audit.result(progress=ProgressBar())`. Each shows one thing; make another for the next.
    """

    def __init__(self) -> None:
        self._display: Any = None
        self._told: tuple[str, float] = ("", 0.0)

    def __call__(self, progress: TransferProgress | AuditSnapshot) -> None:
        """Show the progress."""
        share, told = _told(progress)
        if _in_notebook():
            self._show(share, told)
        else:
            self._print(told, last=share >= 1)

    def _show(self, share: float, told: str) -> None:
        bar = f'<progress value="{share:.4f}" max="1" style="width:20em"></progress> {share:.0%} {text(told)}'
        shown = {"text/html": card([bar], ""), "text/plain": f"{share:.0%} {told}"}
        if self._display is None:
            self._display = import_module("IPython.display").display(shown, raw=True, display_id=True)
        else:
            self._display.update(shown, raw=True)

    def _print(self, told: str, *, last: bool) -> None:
        before, at = self._told
        if told != before and (last or not before or monotonic() - at >= LINE_SECONDS):
            print(told, file=sys.stderr)  # noqa: T201  # what it is for
            self._told = told, monotonic()


def _told(progress: TransferProgress | AuditSnapshot) -> tuple[float, str]:
    """The share that is done, from 0 to 1, and the same in words."""
    if isinstance(progress, TransferProgress):
        done, total = progress.files_done, progress.files_total
        share = 1.0 if done == total else progress.bytes_done / progress.bytes_total
        sent = f"{progress.bytes_done / MEBIBYTE:.1f} of {progress.bytes_total / MEBIBYTE:.1f} MiB"
        return share, f"uploaded {done:,} of {total:,} files, {sent}"
    left, ended = progress.remaining_seconds, progress.state.terminal
    rest = "" if left is None or ended else f", at most {round(left):,} s left"
    share = progress.passes_done / progress.passes_planned if progress.passes_planned else 0.0
    return 1.0 if ended else min(share, 0.99), state_text(progress) + rest


def _in_notebook() -> bool:
    """Whether this runs in a kernel of Jupyter. Imports nothing that is not there."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return hasattr(shell, "kernel")
