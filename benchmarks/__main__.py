"""`python -m benchmarks`: measures the parts asked for, writes their figures into one JSON file, and the page anew."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks import load, loop, machine, memory, results, search, service
from benchmarks.page import write_page
from benchmarks.subjects import data_folder

USAGE_ERROR = 2


def main(
    part: Annotated[str, typer.Option(help="search, service, memory or load; all four unless given")] = "",
    quick: Annotated[bool, typer.Option("--quick", help="fewer images and budgets")] = False,  # noqa: FBT002  a flag
    threads: Annotated[int, typer.Option(min=0, help="torch threads; 0: one a core")] = 0,
    into: Annotated[Path, typer.Option(help="folder of the results and the page")] = results.ROOT,
    page_only: Annotated[bool, typer.Option("--page-only", help="measure nothing")] = False,  # noqa: FBT002  a flag
) -> None:
    """Measure; about 30 minutes on two free cores, about 7 with --quick."""
    chosen = parts(part)
    torch.set_num_threads(threads or machine.cores())
    found = results.read(into / results.RESULTS)
    for name, measure in chosen.items() if not page_only else ():
        print(f"== {name}", flush=True)
        taken = machine.taken(quick=quick)
        found = results.with_part(found, name, {"taken": taken, **measure(quick)})
        results.write(found, into / results.RESULTS)
    # read again, as the file has the order that a later --page-only sees
    write_page(results.read(into / results.RESULTS), results.read(results.EXACT), into)
    print("written: " + str(results.RESULTS) + ", docs/benchmarks.md")


def parts(asked: str) -> Mapping[str, Callable[[bool], dict[str, Any]]]:
    """The parts to measure, by name."""
    data = data_folder()
    known: dict[str, Callable[[bool], dict[str, Any]]] = {
        "search": lambda quick: search.measure(data, quick=quick),
        "service": lambda quick: {
            "loop": loop.measure(data, quick=quick),
            "service": service.measure(data, quick=quick),
        },
        "memory": lambda quick: memory.measure(quick=quick),
        "load": lambda quick: load.measure(quick=quick),
    }
    if asked and asked not in known:
        typer.echo(f"--part: expected one of {', '.join(known)}, got {asked!r}", err=True)
        raise typer.Exit(USAGE_ERROR)
    return {asked: known[asked]} if asked else known


if __name__ == "__main__":
    typer.run(main)
