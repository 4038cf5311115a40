"""Trains and audits the networks of the trust part, one after another, and keeps a row for each.

A run that was stopped goes on where it stopped: rows are written as they come, and a network with a row is left out.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from benchmarks.planted import photographs
from benchmarks.planted.audits import audit, is_current, truth
from benchmarks.planted.cases import Case, cases
from benchmarks.planted.counting import Row
from benchmarks.planted.judging import judged
from benchmarks.planted.measures import measured
from benchmarks.planted.networks import trained
from benchmarks.planted.objects import object_cases, object_places
from benchmarks.subjects import Absent

ROWS = Path("benchmarks/results/planted.jsonl")
WEIGHTS = Path("benchmarks/.cache/planted")
"""Trained networks, so that another audit of them needs no training; not committed."""
AUDITS = ((300, 150), (1000, 150), (300, 25))
"""Images, and passes of the search an image, of each audit of a network."""
QUICK_CASES = 6
OBJECT_ROWS = Path("benchmarks/results/planted-objects.jsonl")
"""Where the spots of some networks lie among boxes."""


def measure(data: Path | None, into: Path, *, quick: bool) -> None:
    """Train and audit what has no whole row yet; with `quick` at most a few networks."""
    left = without_whole_row([*cases(), *photographs.CASES], read_rows(into / ROWS))
    for place, case in enumerate(left[:QUICK_CASES] if quick else left, start=1):
        begun = time.perf_counter()
        try:
            row = one_row(case, data, into / WEIGHTS)
        except Absent as absent:
            print(f"left out: {case.name}: {absent}", flush=True)
            continue
        row["seconds"] = round(time.perf_counter() - begun, 1)
        with (into / ROWS).open("a") as rows:
            rows.write(json.dumps(row, sort_keys=True) + "\n")
        verdicts = ", ".join(f"{one['images']}: {one['outcome']}" for one in row["audits"])
        followed = ", ".join(f"{share:.2f}" for share in row["truth"]["followed"].values()) or "nothing"
        print(f"{place}/{len(left)} {case.name}: followed {followed}; {verdicts}", flush=True)


def measure_objects(data: Path | None, into: Path, *, quick: bool) -> None:
    """Test spots of the networks that have no row among objects yet, and draw boxes; with `quick` of a few networks."""
    done = {row["name"] for row in read_rows(into / OBJECT_ROWS)}
    left = [case for case in object_cases() if case.name not in done]
    for case in left[:QUICK_CASES] if quick else left:
        try:
            with _one_thread():
                places = object_places(case, trained(case, data, into / WEIGHTS))
        except Absent as absent:
            print(f"left out: {case.name}: {absent}", flush=True)
            continue
        with (into / OBJECT_ROWS).open("a") as rows:
            rows.write(json.dumps({**case.as_json(), "places": places}, sort_keys=True) + "\n")
        print(f"among objects: {case.name}", flush=True)


def without_whole_row(all_cases: Sequence[Case], rows: Sequence[Row]) -> list[Case]:
    """The networks that are to be measured, those first of which most is to be learnt.

    First come photographs without a row, cues of the whole picture last, because no place is to be found; then those
    whose places were chosen in another way, clean ones and kinds that were set aside before the others; then digits;
    and last networks of ImageNet's size, which take longest.
    """
    kept = {row["name"]: is_whole(row) for row in rows}

    def order(case: Case) -> tuple[bool, ...]:
        again = case.name in kept
        return (
            case.pictures == photographs.PICTURES,
            case.pictures == "digits",
            again,
            not (case.clean or case.cue.has_place),
            again and not (case.set_aside or case.clean),
        )

    return sorted((case for case in all_cases if not kept.get(case.name)), key=order)


def is_whole(row: dict[str, Any]) -> bool:
    """Whether a row has all audits, with places as they are chosen now."""
    made = {(one["images"], one["search_passes"]) for one in row["audits"] if is_current(one)}
    return made >= set(AUDITS) or (row["pictures"] == photographs.PICTURES and bool(made))


def one_row(case: Case, data: Path | None, kept: Path) -> dict[str, Any]:
    """Train one network and audit it, once for each number of images and passes."""
    with _one_thread():
        if case.pictures == photographs.PICTURES:
            return photographs.photographs_row(case, data, kept)
        network = trained(case, data, kept)
        audits = [audit(case, network, images, passes) for images, passes in AUDITS]
        found = measured(case, network)
        return {**case.as_json(), "truth": truth(case, network), "audits": audits, "measures": found}


@contextmanager
def _one_thread() -> Iterator[None]:
    """One thread of torch: the networks are small, and the order of sums stays the same on every machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The last row of each network; audits have the outcomes of today's rule."""
    rows = {row["name"]: row for row in _lines(path)} if path.exists() else {}
    return [
        {**row, "audits": [judged(one) for one in row["audits"]]} if "audits" in row else row for row in rows.values()
    ]


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as rows:
        for line in rows:
            yield json.loads(line)
