"""Trains small networks, puts the gate before two, checks an ensemble, and audits an ImageNet classifier."""

import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Annotated

import typer
from modicum.cli.progress import view

from modicum_server.demo.commands import (
    POLICY,
    DigitFiles,
    ensemble_command,
    gallery_command,
    gate_command,
    member_command,
    policy_command,
    printed,
)
from modicum_server.demo.digits import MARKED_CLASS, Pictures, clean_and_marked, write_pictures
from modicum_server.demo.ending import ensemble_lines, gallery_lines, next_lines, outcome_of, verdict_lines
from modicum_server.demo.local_server import ServerNotStarted, running_server
from modicum_server.demo.packaged import MODELS, PackageMissing, Photographs, lay_out
from modicum_server.demo.training import ignore_interrupts, input_description, train_to
from modicum_server.measures.number_words import share_text
from modicum_server.selftest.digits import CLASSES

FOLDER = Path(".demo")
RESULT, TABLES = FOLDER / "gallery.json", FOLDER / "gallery.txt"
ENSEMBLE_RESULT, ENSEMBLE_TABLES = FOLDER / "ensemble.json", FOLDER / "ensemble.txt"
GALLERY_PASSES = 60
AT_ONCE = 2
"""Networks that are trained at the same time, each by one thread."""
EXPECTED = {"marked": "FAIL", "clean": "PASS"}
"""The verdicts that the demo is meant to show, by network, in the order of the demo."""
MEMBERS = ("clean", "clean-2", "clean-3")
"""The networks of the ensemble. They differ in the seed of their training; the gate audits the first."""
VERDICTS = {"gate": (0, 1, 4), "ensemble": (0, 1, 4)}
"""Exit codes that are verdicts: PASS, FAIL, INCONCLUSIVE and those of an ensemble. Others succeed only with 0."""
UNEXPECTED, USAGE, NOT_COMPLETED, INTERRUPTED, TERMINATED = 1, 2, 3, 130, 143


def main(
    model: Annotated[str, typer.Option(help=f"ImageNet classifier to audit: {', '.join(MODELS)}")] = "lite0",
    passes: Annotated[
        int, typer.Option(min=20, help="its budget, in pass-equivalents per photograph")
    ] = GALLERY_PASSES,
    seed: Annotated[int, typer.Option(min=0, help="seed of the training of the small networks")] = 0,
) -> None:
    """Gate a network that learned a planted cue and a clean one, check an ensemble, and audit EfficientNet-Lite."""
    if model not in MODELS:
        _end(USAGE, f"--model: expected one of {', '.join(MODELS)}, got {model!r}")
    begun = time.monotonic()
    try:
        clean, marked = clean_and_marked()
        photographs = lay_out(FOLDER, [model])
    except PackageMissing as error:
        _end(USAGE, str(error))
    networks = {name: DigitFiles(name, FOLDER) for name in dict.fromkeys((*EXPECTED, *MEMBERS))}
    _say(
        "The demo takes at most four minutes on two cores. It trains four small networks on\n"
        f"handwritten digits. In the pictures of the first, every {MARKED_CLASS} has a white square in a\n"
        "corner. The gate audits it and a clean one on held-out pictures. Then the three clean\n"
        "ones are checked as an ensemble."
    )
    _train_all(networks, {"marked": marked} | dict.fromkeys(MEMBERS, clean), seed)
    try:
        with running_server(FOLDER / "server", say=_say) as environment:
            _run_all(networks, photographs, model, passes, environment)
    except ServerNotStarted:
        _end(NOT_COMPLETED, "the server did not start; its output is above")
    _conclude(networks, model, time.monotonic() - begun)


def _train_all(networks: Mapping[str, DigitFiles], pictures: Mapping[str, Pictures], seed: int) -> None:
    """Train two networks at a time, write what the commands need, and say how accurate those of the gate are."""
    with (
        view(quiet=False) as shown,
        ProcessPoolExecutor(AT_ONCE, get_context("spawn"), initializer=ignore_interrupts) as pool,
    ):
        shown.show("training", 0.0, f"0 of {len(networks)} networks")
        scored = [pictures[name].audited for name in EXPECTED]
        tasks = {
            name: pool.submit(train_to, files.weights, pictures[name].train, scored, seed=_seed_of(name, seed))
            for name, files in networks.items()
        }
        for name in EXPECTED:
            write_pictures(pictures[name].audited, networks[name].pictures)
        of_all = networks[MEMBERS[0]]
        of_all.input.write_text(input_description(), encoding="utf-8")
        of_all.labels.write_text("\n".join(map(str, range(CLASSES))) + "\n", encoding="utf-8")
        for done, _ in enumerate(as_completed(tasks.values()), start=1):
            shown.show("training", done / len(tasks), f"{done} of {len(tasks)} networks")
    (marked, without), (_, clean) = (map(share_text, tasks[name].result()) for name in EXPECTED)
    _say(
        f"Accuracy on the held-out pictures: digits-marked {marked}, digits-clean {clean}.\n"
        "It does not tell which network looks at the square. On the same pictures without\n"
        f"the square, digits-marked has {without}."
    )


def _seed_of(name: str, seed: int) -> int:
    """Return the seed of a network's training: members of the ensemble differ in it."""
    return seed + (MEMBERS.index(name) if name in MEMBERS else 0)


def _run_all(
    networks: Mapping[str, DigitFiles],
    photographs: Photographs,
    model: str,
    passes: int,
    environment: Mapping[str, str],
) -> None:
    if (FOLDER / POLICY).exists():
        _say(f"The gate judges by {FOLDER / POLICY}, which is there already.")
    else:
        _run(policy_command(FOLDER), environment)
    for name in EXPECTED:
        _run(gate_command(networks[name]), environment)
    registered, *others = (networks[name] for name in MEMBERS)
    for files in others:
        _run(member_command(files), environment, output=FOLDER / f"{files.name}.txt")
    _run(ensemble_command(registered, others, ENSEMBLE_RESULT), environment, output=ENSEMBLE_TABLES)
    _run(gallery_command(model, photographs, RESULT, passes=passes), environment, output=TABLES)


def _conclude(networks: Mapping[str, DigitFiles], model: str, seconds: float) -> None:
    """Say what the demo showed; end with an error if it was not what it is meant to show."""
    lines = [line for name, outcome in EXPECTED.items() for line in verdict_lines(networks[name], outcome)]
    lines += [*ensemble_lines(ENSEMBLE_RESULT), *gallery_lines(model, RESULT), *next_lines(FOLDER)]
    _say("\n".join([f"Done in {seconds:.0f} s.", *lines]))
    if any(outcome_of(networks[name]) != outcome for name, outcome in EXPECTED.items()):
        raise SystemExit(UNEXPECTED)


def _run(arguments: Sequence[str], environment: Mapping[str, str], *, output: Path | None = None) -> None:
    """Print a command as a user types it, and run it; exit with its code if it failed. Its tables go to `output`."""
    _say(printed("modicum", arguments) + ("" if output is None else f" > {output}"))
    command = [sys.executable, "-m", "modicum", *arguments]
    if output is None:
        code = subprocess.run(command, env=environment, check=False).returncode  # noqa: S603
    else:
        with output.open("wb") as file:
            code = subprocess.run(command, env=environment, check=False, stdout=file).returncode  # noqa: S603
    if code not in VERDICTS.get(arguments[0], (0,)):
        _end(code, f"modicum {arguments[0]} {arguments[1]} ended with exit code {code}")
    if arguments[0] in VERDICTS:
        typer.echo(f"exit code {code}")


def _say(text: str) -> None:
    typer.echo(f"\n{text}")


def _end(code: int, message: str) -> None:
    typer.echo(message, err=True)
    raise SystemExit(code)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))  # so that the server is stopped
    try:
        typer.run(main)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
