"""The steps in their order, each written into the results as soon as it is measured."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import machine, results
from benchmarks.paper import accuracy, mitigation, searches, sizes, sufficiency
from benchmarks.paper.descent import descended
from benchmarks.paper.extent import FULL, QUICK, Extent
from benchmarks.paper.material import Material, gathered
from benchmarks.paper.specimens import specimens
from benchmarks.subjects import Absent

RESULTS = Path("benchmarks") / "results" / "paper.json"


def measure(data: Path | None, into: Path, *, quick: bool) -> None:
    """Measure all steps; without the data, say so and leave the results as they are."""
    extent = QUICK if quick else FULL
    try:
        material = gathered(data, test=extent.test[0], training=extent.training)
        record = Record(into / RESULTS, quick=quick)
        for step in _steps(material, extent):
            step(record)
    except Absent as error:
        print(f"absent, and left out: {error}", flush=True)


class Record:
    """The results' file; every step that is added is written at once."""

    def __init__(self, path: Path, *, quick: bool) -> None:
        self._path = path
        self._taken = machine.taken(quick=quick)
        self._step, self._begun, self._ended = "", 0.0, time.perf_counter()

    def add(self, name: str, step: object) -> None:
        """Put a step's figures in place of those before, with the seconds since the end of the step before."""
        if name != self._step:
            self._step, self._begun = name, self._ended
        seconds = time.perf_counter() - self._begun
        print(f"  {name}: {seconds:.0f} s", flush=True)
        found = results.read(self._path)
        entry: dict[str, Any] = {"taken": self._taken, "seconds": round(seconds, 1), "figures": step}
        results.write(results.with_part(found, name, entry), self._path)
        self._ended = time.perf_counter()


Step = Callable[[Record], None]


def _steps(material: Material, extent: Extent) -> Iterable[Step]:
    networks = [*material.networks, material.ensemble]
    tested = [material.test.first(count) for count in extent.test]
    first, few = material.networks[0], material.test.first(extent.test[0])

    def by_accuracy(record: Record) -> None:
        record.add("accuracy", [accuracy.measure(*pair) for pair in zip(networks, tested, strict=True)])

    def by_correctness(record: Record) -> None:
        pairs = list(zip(networks, tested, strict=True))[:-1]
        record.add("correctness", [row for pair in pairs for row in sizes.measure(*pair, extent)])

    def by_specimens(record: Record) -> None:
        descent = descended(first, few)
        record.add("specimens", specimens(first, few, descent, material.classes, extent))

    def by_sufficiency(record: Record) -> None:
        record.add("sufficiency", sufficiency.measure(first, material.training, few, extent))

    def by_mitigation(record: Record) -> None:
        figures = mitigation.measure(material.networks, material.ensemble, material.test, extent, extent.test)
        record.add("mitigation", figures)

    def by_searches(record: Record) -> None:
        eligible = np.flatnonzero(np.isfinite(descended(first, few).size))[: extent.searched].tolist()
        rows: list[dict[str, Any]] = []
        for row in searches.measure(first, few.at(eligible), few, extent):
            rows.append(row)
            record.add("searches", {"network": first.name, "n": len(eligible), "rows": rows})

    return (by_accuracy, by_correctness, by_specimens, by_mitigation, by_sufficiency, by_searches)
