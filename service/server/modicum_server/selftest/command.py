"""The output and the exit code of `modicum-server selftest`."""

import time
from collections.abc import Callable

from modicum_server.selftest.auditing import AuditFailed
from modicum_server.selftest.digits import PackageMissing, load_digits
from modicum_server.selftest.running import COLUMNS, TEST_IMAGES, outcomes, row

RIGHT, WRONG, USAGE, NOT_COMPLETED = 0, 1, 2, 3
WIDTHS = (33, 14, 21, 10, 10, 15, 8, 37, 9)
"""Widths of the columns, in characters."""


def run(seed: int, *, say: Callable[[str], object]) -> int:
    """Run the self-test and print each outcome; return the exit code, which is 0 when every verdict is right."""
    begun = time.monotonic()
    try:
        digits = load_digits()
        say(
            f"Small classifiers of digits, {TEST_IMAGES} test images each, seed {seed}: the shortcut rule's verdicts "
            "beside the known truth. The audits run without TorchServe and without a database."
        )
        say(_line(COLUMNS))
        right = []
        for outcome in outcomes(digits, seed=seed):
            say(_line(row(outcome)))
            right.append(outcome.right)
    except PackageMissing as error:
        say(str(error))
        return USAGE
    except AuditFailed as error:
        say(str(error))
        return NOT_COMPLETED
    say(f"{sum(right)} of {len(right)} verdicts are right, in {time.monotonic() - begun:.0f} s.")
    return RIGHT if all(right) else WRONG


def _line(cells: tuple[str, ...]) -> str:
    return "".join(cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)).rstrip()
