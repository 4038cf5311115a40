"""`modicum render`: any output of a verdict that was stored. Judges nothing, and needs no server."""

from pathlib import Path
from typing import Annotated

import typer

from modicum.cli import options
from modicum.cli.consoles import printing
from modicum.cli.outputs import settle_outputs
from modicum.cli.verdict_outputs import VerdictOutputs, print_verdict, verdict_outputs, write_verdict
from modicum.gate.verdict_file import read_verdict


def render(
    verdict: Annotated[
        Path,
        typer.Argument(
            metavar="VERDICT", help="A verdict that `modicum gate` or `modicum judge` wrote with --output FILE.json."
        ),
    ],
    *,
    output: VerdictOutputs = None,
    as_json: options.Json = False,
) -> None:
    """Convert a verdict file to other formats and print it, without judging again.

    Exit codes: 0 written, for any verdict; 2 wrong usage or not a verdict, 3 not completed, 130 interrupted.
    """
    outputs = verdict_outputs(output or (), read=[verdict])
    document = read_verdict(verdict)
    settle_outputs(write_verdict(document, outputs))
    with printing():
        print_verdict(document, [output.path for output in outputs], as_json=as_json)
