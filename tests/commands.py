"""The `modicum` command, run in the process of a test."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest
from modicum.cli.command import app


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended, and what it wrote."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """Its stderr without line breaks, which depend on the width of the console."""
        return " ".join(self.stderr.split())


def run_command(arguments: Iterable[str], capsys: pytest.CaptureFixture[str]) -> Ended:
    """Run the command until it exits."""
    with pytest.raises(SystemExit) as ended:
        app([*arguments])
    stdout, stderr = capsys.readouterr()
    return Ended(ended.value.code or 0, stdout, stderr)
