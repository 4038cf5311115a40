"""`python -m benchmarks` measures the chosen parts and writes their results and the pages.

The paper's table has its own results and page (`benchmarks.paper`).
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
import typer

from benchmarks import (
    arithmetic,
    growth,
    hashing,
    load,
    loop,
    machine,
    memory,
    report,
    results,
    search,
    service,
    trust,
    upload,
)
from benchmarks.attack import hour
from benchmarks.attack import run as attack
from benchmarks.gate import run as gate
from benchmarks.page import PAGE, write_page
from benchmarks.paper.page import PAGE as PAPER_PAGE
from benchmarks.paper.page import write_page as write_paper
from benchmarks.paper.run import RESULTS as PAPER_RESULTS
from benchmarks.paper.run import measure as measure_paper
from benchmarks.planted import run as planted
from benchmarks.subjects import Absent, data_folder

USAGE_ERROR = 2
PAPER = "paper"
TRUST = "trust"
ATTACK_HOUR = "attack-hour"


def main(
    *,
    part: Annotated[
        str,
        typer.Option(
            help="search, service, arithmetic, memory, load, growth, attack, report, upload, hashing, trust, gate or "
            "paper; default: all of these. attack-hour runs only if it is named"
        ),
    ] = "",
    quick: Annotated[bool, typer.Option("--quick", help="fewer images and budgets")] = False,
    threads: Annotated[int, typer.Option(min=0, help="torch threads; 0: one a core")] = 0,
    into: Annotated[Path, typer.Option(help="folder of the results and the page")] = results.ROOT,
    minutes: Annotated[int, typer.Option(min=1, help="of the part attack-hour, how long to attack")] = 60,
    only: Annotated[str, typer.Option(help="of the part search, measure one method anew, e.g. gradient-free")] = "",
    page_only: Annotated[bool, typer.Option("--page-only", help="measure nothing")] = False,
) -> None:
    """Run the benchmarks: about 40 minutes on two free cores, 9 with --quick. The paper's table takes another hour."""
    chosen = parts(part, minutes)
    if only and (part != "search" or only not in search.RENEWABLE):
        typer.echo(f"--only: expected --part search, and one of {', '.join(search.RENEWABLE)}; got {only!r}", err=True)
        raise typer.Exit(USAGE_ERROR)
    torch.set_num_threads(threads or machine.cores())
    found = results.read(into / results.RESULTS)
    if part in {"", PAPER} and not (page_only or only):
        print(f"== {PAPER}", flush=True)
        measure_paper(data_folder(), into, quick=quick)
    if part in {"", TRUST} and not (page_only or only):
        print(f"== {TRUST}: planted cues", flush=True)
        planted.train_weak(data_folder(), into, quick=quick)
        planted.measure(data_folder(), into, quick=quick)
        planted.measure_objects(data_folder(), into, quick=quick)
        planted.measure_forward(data_folder(), into, quick=quick)
    if only:
        date = machine.taken(quick=quick)["date"]
        found = results.with_part(found, "search", search.renewed(found["parts"]["search"], data_folder(), only, date))
        results.write(found, into / results.RESULTS)
    for name, measure in chosen.items() if not (page_only or only) else ():
        print(f"== {name}", flush=True)
        taken = machine.taken(quick=quick)
        found = results.with_part(found, name, {"taken": taken, **_measured(measure, quick=quick)})
        results.write(found, into / results.RESULTS)
    # read the file again: it is sorted, as a later --page-only reads it
    found = results.read(into / results.RESULTS)
    write_page(found, results.read(results.EXACT), into, planted.kept_rows(into))
    write_paper(results.read(into / PAPER_RESULTS), into)
    print(f"written: {results.RESULTS}, {PAGE}, {PAPER_PAGE}")


def _measured(measure: Callable[[bool], dict[str, Any]], *, quick: bool) -> dict[str, Any]:
    """Measure a part, or end with what is missing for all of it."""
    try:
        return measure(quick)
    except Absent as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE_ERROR) from error


def parts(chosen: str, minutes: int) -> Mapping[str, Callable[[bool], dict[str, Any]]]:
    """Return the parts to measure, by name. The paper's table is not one: it writes its results as it runs."""
    data = data_folder()
    known: dict[str, Callable[[bool], dict[str, Any]]] = {
        "search": lambda quick: search.measure(data, quick=quick),
        "service": lambda quick: {
            "loop": loop.measure(data, quick=quick),
            "service": service.measure(data, quick=quick),
        },
        "arithmetic": lambda quick: arithmetic.measure(data, quick=quick),
        "memory": lambda quick: memory.measure(quick=quick),
        "load": lambda quick: load.measure(quick=quick),
        "growth": lambda quick: growth.measure(quick=quick),
        "attack": lambda quick: attack.measure(quick=quick),
        ATTACK_HOUR: lambda quick: hour.measure(minutes, quick=quick),
        "report": lambda quick: report.measure(quick=quick),
        "upload": lambda quick: upload.measure(quick=quick),
        "hashing": lambda quick: hashing.measure(quick=quick),
        TRUST: lambda quick: trust.measure(quick=quick),
        "gate": lambda quick: gate.measure(quick=quick),
    }
    if chosen and chosen not in {*known, PAPER}:
        typer.echo(f"--part: expected one of {', '.join([*known, PAPER])}, got {chosen!r}", err=True)
        raise typer.Exit(USAGE_ERROR)
    return {name: measure for name, measure in known.items() if chosen == name or not (chosen or name == ATTACK_HOUR)}


if __name__ == "__main__":
    typer.run(main)
