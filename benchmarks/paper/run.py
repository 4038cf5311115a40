"""Runs the steps in sequence and writes each one's results as soon as it is measured."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from modicum_sis import Donors, gather_donors

from benchmarks import machine, results
from benchmarks.paper import accuracy, choices, exhaustive, mitigation, searches, sizes, sufficiency
from benchmarks.paper.choice import chosen
from benchmarks.paper.descent import descended
from benchmarks.paper.extent import FULL, PAPER_PIXELS_PER_STEP, PIXELS_PER_STEP, QUICK, SEED, Extent
from benchmarks.paper.material import Material, Photographs, gathered
from benchmarks.paper.specimens import specimens
from benchmarks.paper.sufficient import eligible
from benchmarks.subjects import Absent

RESULTS = Path("benchmarks") / "results" / "paper.json"


def measure(data: Path | None, into: Path, *, quick: bool) -> None:
    """Measure all steps. Without the data, say so and leave the results as they are."""
    extent = QUICK if quick else FULL
    try:
        material = gathered(data, test=extent.test[0], training=extent.training)
        Run(material, extent, Record(into / RESULTS, quick=quick)).measure()
    except Absent as error:
        print(f"absent, and left out: {error}", flush=True)


class Record:
    """The results file. Every added step is written at once."""

    def __init__(self, path: Path, *, quick: bool) -> None:
        self._path, self._quick = path, quick
        self._begin("")

    def add(self, name: str, step: object, seconds: float | None = None) -> None:
        """Replace a step's figures.

        Its seconds count from the end of the step before, unless the figures contain them: cached results take no time.
        """
        if name != self._step:
            self._begin(name, self._ended)
        self._ended = time.perf_counter()
        spent = self._ended - self._begun if seconds is None else seconds
        print(f"  {name}: {spent:.0f} s", flush=True)
        entry: dict[str, Any] = {"taken": self._taken, "seconds": round(spent, 1), "figures": step}
        results.write(results.with_part(results.read(self._path), name, entry), self._path)

    def _begin(self, step: str, at: float | None = None) -> None:
        self._step, self._taken = step, machine.taken(quick=self._quick)
        self._begun = self._ended = time.perf_counter() if at is None else at


class Run:
    """The steps. What the page needs most comes first, what takes longest last. Each writes its results."""

    def __init__(self, material: Material, extent: Extent, record: Record) -> None:
        self._material, self._extent, self._record = material, extent, record
        self._networks = (*material.networks, material.ensemble)
        self._first, self._whole = material.networks[0], material.test.first(extent.test[0])
        self._accuracies: list[dict[str, Any]] = []

    def measure(self) -> None:
        """Run all steps."""
        self._choices()
        self._chosen_sufficiency()
        self._accuracy(PIXELS_PER_STEP, self._extent.test)
        self._correctness()
        self._specimens()
        self._sufficiency()
        self._mitigation()
        self._searches()
        self._accuracy(PAPER_PIXELS_PER_STEP, self._extent.test_as_paper)
        self._exhaustive()

    def _choices(self) -> None:
        """Add a row for each network and search, the searches of few passes first."""
        rows: list[dict[str, Any]] = []
        for chooser, count, block in choices.planned(self._extent):
            for network in self._material.networks:
                rows.append(choices.measure(network, self._whole.first(count), chooser, block))
                self._record.add("choices", rows, sum(row["seconds"] for row in rows))

    def _chosen_sufficiency(self) -> None:
        chooser = choices.strong(self._extent)
        self._train(
            "chosen_sufficiency",
            chooser.words,
            lambda photographs: chosen(self._first, photographs, chooser),
            self._whole.first(self._extent.chosen),
        )

    def _train(
        self, step: str, search: str, choose: Callable[[Photographs], sufficiency.Chosen], test: Photographs
    ) -> None:
        training, extent = self._material.training, self._extent
        figures = sufficiency.measure(self._first, training, test, extent, search=search, choose=choose)
        self._record.add(step, figures, figures["masks_seconds"] + figures["training_seconds"])

    def _accuracy(self, pixels_per_step: int, counts: Sequence[int]) -> None:
        """Add a row for each network to the existing rows."""
        for network, count in zip(self._networks, counts, strict=True):
            rows, photographs = self._accuracies, self._material.test.first(count)
            rows.append(accuracy.measure(network, photographs, pixels_per_step))
            self._record.add("accuracy", rows, sum(row["seconds"] for row in rows))

    def _correctness(self) -> None:
        rows: list[dict[str, Any]] = []
        for network, count in zip(self._material.networks, self._extent.test[:-1], strict=True):
            rows += sizes.measure(network, self._material.test.first(count), self._extent)
            self._record.add("correctness", rows)

    def _specimens(self) -> None:
        descent = descended(self._first, self._whole)
        figures = specimens(self._first, self._whole, descent, self._material.classes, self._extent)
        self._record.add("specimens", figures)

    def _sufficiency(self) -> None:
        search = f"batched_gradient, k = {PIXELS_PER_STEP}"
        self._train("sufficiency", search, lambda photographs: descended(self._first, photographs), self._whole)

    def _mitigation(self) -> None:
        members, ensemble = self._material.networks, self._material.ensemble
        figures = mitigation.measure(members, ensemble, self._whole, self._extent.test[-1], self._extent)
        self._record.add("mitigation", figures)

    def _searches(self) -> None:
        photographs, pool = self._searched()
        rows: list[dict[str, Any]] = []
        for row in searches.measure(self._first, photographs, pool, self._extent):
            rows.append(row)
            self._record.add("searches", {"network": self._first.name, "n": len(photographs), "rows": rows})

    def _exhaustive(self) -> None:
        rows: dict[str, dict[str, Any]] = {}
        for row in exhaustive.measure(self._first, *self._searched(), self._extent):
            rows[row["fill"]] = row
            self._record.add("exhaustive", list(rows.values()), sum(each["seconds"] for each in rows.values()))

    def _searched(self) -> tuple[Photographs, Donors]:
        """The images of all searches (the first eligible ones) and the donors of the marginal fill."""
        places = np.flatnonzero(eligible(self._first, self._whole))[: self._extent.searched].tolist()
        return self._whole.at(places), gather_donors(self._first.classifier, self._whole.images, seed=SEED)
