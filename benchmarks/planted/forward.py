"""How few forward passes suffice: the spot test with subsets that were searched without a gradient.

The networks were declared before any was audited: plain networks of the design on CIFAR-10, those with a local cue of
one or two classes, and the clean ones that were set aside. Each is audited with the same images by every search.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modicum_server.measures.number_words import share_text
from modicum_sis import GradientFree, MaskOptimization

from benchmarks.planted.audits import BudgetedSearch, spot_audit, truth
from benchmarks.planted.cases import Case, cases
from benchmarks.planted.counting import CIFAR, FOLLOWED, Row, followed, tally_of
from benchmarks.planted.networks import Trained, balanced
from benchmarks.tables import table

ROWS = Path("benchmarks/results/planted-forward.jsonl")
IMAGES = 300
ARCHITECTURE = "plain"
SCOPES = ("one", "two")


@dataclass(frozen=True, slots=True)
class SearchedBy:
    """One search of the comparison; None searches nothing, so that places come from covering windows alone."""

    name: str
    search: BudgetedSearch | None


SEARCHES = (
    SearchedBy("none", None),
    *(SearchedBy(f"{passes} forward passes", GradientFree(passes)) for passes in (25, 75, 150, 300, 600)),
    SearchedBy("150 passes with gradients", MaskOptimization(150)),
)


def forward_cases() -> list[Case]:
    """The networks of this comparison, in the order of the design."""
    networks = [case for case in cases() if (case.pictures, case.architecture) == (CIFAR, ARCHITECTURE)]
    cued = [case for case in networks if case.cue.has_place and case.scope in SCOPES]
    return [*cued, *(case for case in networks if case.clean and case.set_aside)]


def forward_row(case: Case, network: Trained) -> Row:
    """Audit a network once by each search."""
    chosen = balanced(network.labels, IMAGES)
    audits = [
        {**without_halves(spot_audit(case, network, chosen, by.search)), "searched_by": by.name} for by in SEARCHES
    ]
    return {**case.as_json(), "truth": truth(case, network), "audits": audits}


def without_halves(audit: Row) -> Row:
    """The audit without what each half saw, which no table of this comparison shows."""
    rows = [
        {**row, "places": [{key: value for key, value in place.items() if key != "halves"} for place in row["places"]]}
        for row in audit["rows"]
    ]
    return {**audit, "rows": rows}


def forward_table(rows: Sequence[Row]) -> Iterator[str]:
    """How many cues each search finds, and how many clean networks it flags."""
    cued, clean = ([row for row in rows if row["clean"] is one] for one in (False, True))
    yield (
        "By forward passes alone. A model without a gradient (ONNX, an endpoint) is searched by forward passes. The "
        "spot test needs to know where subsets lie rather than how small they can be, so few passes may be enough. "
        f"Each search audited {len(cued)} plain networks with a local cue of one or two classes, and {len(clean)} "
        f"clean networks that were set aside, on the same {IMAGES} images. A cue counts as found if one of its classes "
        "is DECISIVE or SUFFICIENT.\n"
    )
    groups = [(name, [row for row in cued if low <= followed(row) < high]) for name, low, high in FOLLOWED]
    shown = [(name, group) for name, group in groups if group]
    yield from table(
        (
            "search",
            "images with a subset",
            *(f"found, {name} follow" for name, _ in shown),
            "clean networks flagged",
            "clean networks NONE_FOUND",
        ),
        [_line(by.name, rows, [group for _, group in shown], clean) for by in SEARCHES],
    )


def _line(name: str, rows: Sequence[Row], groups: Sequence[Sequence[Row]], clean: Sequence[Row]) -> tuple[str, ...]:
    made = [_audit(row, name) for row in rows]
    shown = sum(audit["shown"] for audit in made)
    return (
        name,
        share_text(sum(audit["subsets"] for audit in made) / shown) if shown else "",
        *(tally_of([_is_found(row, _audit(row, name)) for row in group]) for group in groups),
        tally_of([bool(_audit(row, name)["flagged"]) for row in clean]),
        tally_of([_audit(row, name)["outcome"] == "NONE_FOUND" for row in clean]),
    )


def _audit(row: Row, name: str) -> dict[str, Any]:
    return next(audit for audit in row["audits"] if audit["searched_by"] == name)


def _is_found(row: Row, audit: Row) -> bool:
    return bool(set(audit["flagged"]) & set(row["cue"]["classes"]))
