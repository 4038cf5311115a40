"""`python -m benchmarks.attack watches bodies` attacks with each of these parts by itself, and prints what that did."""

from typing import Annotated

import typer

from benchmarks.attack.run import ALONE_SECONDS, SIZES, alone

PARTS = SIZES.parts()


def main(
    parts: Annotated[list[str], typer.Argument(help=f"of {', '.join(PARTS)}")],
    seconds: Annotated[float, typer.Option(min=1.0, help="how long each goes on")] = ALONE_SECONDS[1],
) -> None:
    """Measure parts of the attack. Nothing is written."""
    for part in parts:
        if part not in PARTS:
            raise typer.BadParameter(f"expected one of {', '.join(PARTS)}, got {part!r}")
        alone(part, SIZES, ALONE_SECONDS[0], seconds)


if __name__ == "__main__":
    typer.run(main)
