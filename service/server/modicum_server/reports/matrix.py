"""The transfer matrix as a table: rows have the subsets of a version, columns the version that scored them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modicum_server.measures.measure import Measured, measure_from_json
from modicum_server.measures.number_words import confidence_text, share_text
from modicum_server.reports.wording import interval_ends

SCOPES = (
    ("transfer_agreed", "Images on which both versions are confident of the same class"),
    ("transfer", "All subsets that were scored"),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """The subsets of one version, scored by another. `shade` is the share that keeps its class; None if unknown."""

    share: str
    interval: str
    note: str
    shade: float | None


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of one scope, a row for each version, None on the diagonal."""

    caption: str
    rows: tuple[tuple[str, tuple[Cell | None, ...]], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """The transfers under one search."""

    search: Mapping[str, Any]
    versions: tuple[str, ...]
    tables: tuple[Table, ...]


def matrices(document: Mapping[str, Any], called: Callable[[str], str]) -> list[Matrix]:
    """Return the document's matrices, in its order. Older documents, and those without the control, have none."""
    measured: dict[int, dict[tuple[str, str], Measured]] = {}
    for entry in document.get("transfer", ()):
        measures = {name: measure_from_json(value) for name, value in entry["measures"].items()}
        measured.setdefault(entry["search_index"], {})[entry["source"], entry["scorer"]] = measures
    versions = document["specification"]["model_versions"]
    return [
        Matrix(
            search=document["specification"]["searches"][index],
            versions=tuple(map(called, versions)),
            tables=tuple(_table(scope, caption, versions, pairs, called) for scope, caption in SCOPES),
        )
        for index, pairs in measured.items()
    ]


def _table(
    scope: str,
    caption: str,
    versions: Sequence[str],
    pairs: Mapping[tuple[str, str], Measured],
    called: Callable[[str], str],
) -> Table:
    rows = tuple(
        (
            called(source),
            tuple(None if source == scorer else _cell(scope, pairs[source, scorer]) for scorer in versions),
        )
        for source in versions
    )
    return Table(caption, rows)


def _cell(scope: str, measured: Measured) -> Cell:
    kept, sufficient = measured[f"{scope}_class_kept_share"], measured[f"{scope}_sufficient_share"]
    median = measured[f"{scope}_confidence_median"]
    if kept.value is None or sufficient.value is None:
        return Cell("none", kept.unavailable, "", None)
    note = f"{share_text(sufficient.value)} suffice, median confidence {confidence_text(median.value)}, n = {kept.n:,}"
    unscored = kept.parameters.get("unscored", 0)
    if unscored:
        note += f", {unscored:,} not scored"
    return Cell(share_text(kept.value), interval_ends(kept), note, kept.value)
