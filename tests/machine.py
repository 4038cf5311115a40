"""What a machine may lack. Without it a test is skipped with the reason, but fails where CI runs.

`CI=true` says that the machine was set up for these tests: what can be installed must be there. What no set-up can
change, such as a kernel without Landlock, is skipped everywhere.
"""

import os
import shutil
from typing import NoReturn

import pytest

CHROMIUM_NAMES = ("chromium", "chromium-browser", "google-chrome")


def missing(reason: str) -> NoReturn:
    """Skip the test that asks, or fail it where CI runs."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def program(*names: str, package: str) -> str:
    """The path of the first of these programs that is here. Without any, its Debian package is `missing`."""
    for name in names:
        if found := shutil.which(name):
            return found
    missing(f"there is no {names[0]}: apt-get install --no-install-recommends {package}")


def chromium() -> str:
    """The path of Chromium, in which pages and reports are looked at."""
    return program(*CHROMIUM_NAMES, package="chromium")
