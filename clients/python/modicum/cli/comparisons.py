"""Comparisons of versions as text: pairs of versions on the same images, and the transfer matrix."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from modicum.cli.tables import Column, Grid
from modicum.comparisons import Comparison, Transfer
from modicum.measures import value_text
from modicum.resource_names import printable
from modicum.results import Result

#: Which subsets a matrix shows: the beginning of the names of its measures, and of which images they are.
SCOPES = {
    "transfer_agreed": "on images where both versions are confident of the same class",
    "transfer": "on all images that were scored",
}


def search_text(search: Mapping[str, Any]) -> str:
    """A search in a few words."""
    how = f"threshold {search['threshold']:g}, {search['method']}, {search['fill']} fill"
    if search.get("matched"):
        how += ", at a matched temperature"
    return f"{how}, for a random other class" if search.get("target_rule") == "random_other" else how


def compared(pair: Comparison, result: Result) -> str:
    """A comparison of two versions in one line. Measures without a value are left out."""
    known = [one for one in pair.measures.values() if one.value is not None] or list(pair.measures.values())[:1]
    said = "; ".join(f"{lower_first(measure.title)} {measure}" for measure in known)
    note = f" ({pair.note})" if pair.note else ""
    searches = result.document["specification"]["searches"]
    how = f" ({search_text(searches[pair.search_index])})" if len(searches) > 1 else ""
    return f"{result.called(pair.first)} against {result.called(pair.second)} on the same images{how}: {said}{note}"


def matrices(result: Result) -> Iterable[Grid]:
    """The transfer matrices of each search. Rows: whose subsets. Columns: which version scored them."""
    for index in dict.fromkeys(one.search_index for one in result.transfer):
        transfers = [one for one in result.transfer if one.search_index == index]
        how = search_text(result.document["specification"]["searches"][index])
        for scope, said in SCOPES.items():
            title = f"subsets that keep their class in another version, {said} ({how})"
            yield _matrix(transfers, scope, title, result.called)


def lower_first(text: str) -> str:
    """The text with its first letter in lower case, for the middle of a line."""
    return text[:1].lower() + text[1:]


def _matrix(transfers: Sequence[Transfer], scope: str, title: str, called: Callable[[str], str]) -> Grid:
    versions = list(dict.fromkeys(one.source for one in transfers))
    cells = {(one.source, one.scorer): one for one in transfers}
    return Grid(
        title=title,
        columns=(Column("subsets of", prose=True), *(Column(f"scored by {called(scorer)}") for scorer in versions)),
        rows=[
            (
                printable(called(source)),
                *(_cell(cells[source, scorer], scope) if scorer != source else "" for scorer in versions),
            )
            for source in versions
        ],
    )


def _cell(transfer: Transfer, scope: str) -> str:
    """The share that keeps its class; below it the share that is sufficient, and the confidence."""
    kept, sufficient, median = (
        transfer.measures[f"{scope}_{name}"] for name in ("class_kept_share", "sufficient_share", "confidence_median")
    )
    if kept.value is None:
        return printable(str(kept))
    return f"{kept}\n{value_text(sufficient)} sufficient, median confidence {value_text(median)}, n = {kept.n:,}"
