"""Trains and audits the networks of the trust part, one after another, and keeps a row for each.

A run that was stopped goes on where it stopped: rows are written as they come, and a network with a row is left out.
"""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.planted import photographs
from benchmarks.planted.audits import audit, is_current, truth
from benchmarks.planted.cases import Case, cases
from benchmarks.planted.counting import Row, is_weak
from benchmarks.planted.forward import ROWS as FORWARD_ROWS
from benchmarks.planted.forward import forward_cases, forward_row
from benchmarks.planted.judging import judged
from benchmarks.planted.measures import measured
from benchmarks.planted.networks import trained
from benchmarks.planted.objects import object_cases, object_places
from benchmarks.planted.weak import FINEST, LEVELS, WeakCue, in_range, next_level, weak_cues
from benchmarks.subjects import Absent

ROWS = Path("benchmarks/results/planted.jsonl")
WEIGHTS = Path("benchmarks/.cache/planted")
"""Trained networks, so that another audit of them needs no training; not committed."""
AUDITS = ((300, 150), (1000, 150), (300, 25))
"""Images, and passes of the search an image, of each audit of a network."""
WEAK_AUDITS = AUDITS[:2]
"""Those of a network with a weak cue, of which the measures are not counted."""
QUICK_CASES = 6
OBJECT_ROWS = Path("benchmarks/results/planted-objects.jsonl")
"""Where the spots of some networks lie among boxes."""

WEAK_ROWS = Path("benchmarks/results/planted-weak.jsonl")
"""Every network that was trained with a weak cue, and the share that follows it."""


@dataclass(frozen=True, slots=True)
class KeptRows:
    """The rows of planted networks that the page shows.

    Attributes:
        networks: the audits of the design, of weak cues and of photographs.
        objects: spots among objects.
        weak: every network that was trained with a weak cue.
        forward: the same networks audited by searches with and without a gradient.
    """

    networks: Sequence[Row] = ()
    objects: Sequence[Row] = ()
    weak: Sequence[Row] = ()
    forward: Sequence[Row] = ()


def kept_rows(into: Path) -> KeptRows:
    """Read the rows below a folder."""
    return KeptRows(*(read_rows(into / path) for path in (ROWS, OBJECT_ROWS, WEAK_ROWS, FORWARD_ROWS)))


def measure(data: Path | None, into: Path, *, quick: bool) -> None:
    """Train and audit what has no whole row yet; with `quick` at most a few networks."""
    weak = weak_cases(read_rows(into / WEAK_ROWS))
    left = without_whole_row([*cases(), *weak, *photographs.CASES], read_rows(into / ROWS))
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


def train_weak(data: Path | None, into: Path, *, quick: bool, sought: Sequence[WeakCue] | None = None) -> None:
    """Train networks with weak cues until each search has ended, all if none are named; with `quick` the first few."""
    wanted = list(weak_cues() if sought is None else sought)
    for weak in wanted[:QUICK_CASES] if quick else wanted:
        followed = levels(weak, read_rows(into / WEAK_ROWS))
        while (level := next_level(followed)) is not None:
            case = weak.case(level)
            try:
                with _one_thread():
                    known = truth(case, trained(case, data, into / WEIGHTS))
            except Absent as absent:
                print(f"left out: {case.name}: {absent}", flush=True)
                break
            with (into / WEAK_ROWS).open("a") as rows:
                row = {**case.as_json(), "way": weak.way, "level": level, "truth": known}
                rows.write(json.dumps(row, sort_keys=True) + "\n")
            followed[level] = known["followed"][str(weak.target_class)]
            print(f"{case.name}: followed {followed[level]:.2f}", flush=True)


def levels(weak: WeakCue, rows: Sequence[Row]) -> dict[float, float]:
    """The share that follows at each level that was trained."""
    names = {weak.case(level).name: level for level in np.arange(0, LEVELS - 1 + FINEST, FINEST).tolist()}
    return {
        names[row["name"]]: row["truth"]["followed"][str(weak.target_class)] for row in rows if row["name"] in names
    }


def weak_cases(rows: Sequence[Row]) -> list[Case]:
    """The networks with a weak cue that are audited: those in the range, by the followed share alone."""
    found = [(weak, levels(weak, rows)) for weak in weak_cues()]
    return [weak.case(level) for weak, shares in found for level, share in shares.items() if in_range(share)]


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
    return made >= set(WEAK_AUDITS if is_weak(row) else AUDITS) or (
        row["pictures"] == photographs.PICTURES and bool(made)
    )


def one_row(case: Case, data: Path | None, kept: Path) -> dict[str, Any]:
    """Train one network and audit it, once for each number of images and passes."""
    with _one_thread():
        if case.pictures == photographs.PICTURES:
            return photographs.photographs_row(case, data, kept)
        network = trained(case, data, kept)
        wanted = WEAK_AUDITS if case.cue.weakened else AUDITS
        audits = [audit(case, network, images, passes) for images, passes in wanted]
        found = {} if case.cue.weakened else measured(case, network)
        return {**case.as_json(), "truth": truth(case, network), "audits": audits, "measures": found}


def measure_forward(data: Path | None, into: Path, *, quick: bool) -> None:
    """Audit the networks of the comparison by forward passes that have no row yet; with `quick` a few networks."""
    done = {row["name"] for row in read_rows(into / FORWARD_ROWS)}
    left = [case for case in forward_cases() if case.name not in done]
    for case in left[:QUICK_CASES] if quick else left:
        try:
            with _one_thread():
                row = forward_row(case, trained(case, data, into / WEIGHTS))
        except Absent as absent:
            print(f"left out: {case.name}: {absent}", flush=True)
            continue
        with (into / FORWARD_ROWS).open("a") as rows:
            rows.write(json.dumps(row, sort_keys=True) + "\n")
        said = ", ".join(f"{audit['searched_by']}: {audit['outcome']}" for audit in row["audits"])
        print(f"by forward passes: {case.name}: {said}", flush=True)


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
