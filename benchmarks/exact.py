"""`python -m benchmarks.exact` makes the reference of exact backselect: 524,800 passes per image, run once, committed.

An image takes about five minutes on two cores. The file is written after every image; a second run continues it.
"""

import time
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from modicum_sis import BackSelect

from benchmarks import machine, results
from benchmarks.contenders import Outcome, Searched
from benchmarks.subjects import Absent, Subject, cifar_resnet, data_folder, load

DEPTH = 20
COMMAND = "python -m benchmarks.exact"
USAGE_ERROR = 2


def main(
    images: Annotated[int, typer.Option(min=1, help="how many, the first that the search part uses")] = 8,
    into: Annotated[Path, typer.Option(help="file of the reference")] = results.EXACT,
) -> None:
    """Measure exact backselect."""
    torch.set_num_threads(machine.cores())
    try:
        subject = load(cifar_resnet(DEPTH, data_folder()), images)
    except Absent as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(USAGE_ERROR) from error
    measure(subject, into)


def measure(subject: Subject, into: Path) -> None:
    """Add the sizes of the subject's images that the file lacks."""
    reference = results.read(into)
    known: dict[str, Any] = reference["parts"].get("exact", {"sizes": {}})
    for index, digest in enumerate(subject.digests):
        if digest in known["sizes"]:
            continue
        begun = time.perf_counter()
        outcome = _exact(subject, index)
        print(f"image {index}: {outcome.size} pixels, {outcome.passes:,} passes, {time.perf_counter() - begun:.0f} s")
        known = {
            "taken": machine.taken(quick=False),
            "name": subject.source.name,
            "command": COMMAND,
            "passes": outcome.passes,
            "sizes": {**known["sizes"], digest: outcome.size},
        }
        results.write(results.with_part(reference, "exact", known), into)


def _exact(subject: Subject, index: int) -> Outcome:
    one = Subject(
        subject.source, subject.classifier, subject.images[index : index + 1], subject.files[index : index + 1], 1
    )
    (outcome,) = Searched("backselect", "exact", BackSelect()).outcomes(one)
    return outcome


if __name__ == "__main__":
    typer.run(main)
