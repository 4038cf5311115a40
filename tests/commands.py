"""The `modicum` command, run in the process of a test."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
import typer
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


@cache
def whole_command() -> Any:
    """The command with all of its subcommands, which take longer to join than most tests take with them."""
    return typer.main.get_command(app)


def run_command(arguments: Iterable[str], capsys: pytest.CaptureFixture[str]) -> Ended:
    """Run the command until it exits."""
    with pytest.raises(SystemExit) as ended:
        whole_command()([*arguments])
    stdout, stderr = capsys.readouterr()
    return Ended(ended.value.code or 0, stdout, stderr)
