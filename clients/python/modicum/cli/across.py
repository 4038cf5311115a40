"""What a result says across its versions, for people: pairs on the same images, and the transfer matrix."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from modicum.across_versions import Comparison, Transfer
from modicum.cli.measure_tables import value_text
from modicum.naming import printable
from modicum.results import Result

#: Which subsets a matrix is of: how its measures' names begin, and what its title says.
SCOPES = {
    "transfer_agreed": "where both are confident of the same class",
    "transfer": "of all that were scored",
}


def search_text(search: Mapping[str, Any]) -> str:
    """How a search was made, in a few words."""
    how = f"threshold {search['threshold']:g}, {search['method']}, {search['fill']} fill"
    if search.get("matched"):
        how += ", at a matched temperature"
    return f"{how}, for a random other class" if search.get("target_rule") == "random_other" else how


def compared(pair: Comparison, result: Result) -> str:
    """Two versions on the same images in a line; what there is nothing to say of is left out."""
    known = [one for one in pair.measures.values() if one.value is not None] or list(pair.measures.values())[:1]
    said = "; ".join(f"{lower_first(measure.title)} {measure}" for measure in known)
    note = f" ({pair.note})" if pair.note else ""
    searches = result.document["specification"]["searches"]
    how = f" ({search_text(searches[pair.search_index])})" if len(searches) > 1 else ""
    return f"{result.called(pair.first)} against {result.called(pair.second)} on the same images{how}: {said}{note}"


def matrices(result: Result) -> Iterable[Table]:
    """The transfers of each search: whose subsets in rows, who scored them in columns."""
    for index in dict.fromkeys(one.search_index for one in result.transfer):
        transfers = [one for one in result.transfer if one.search_index == index]
        how = search_text(result.document["specification"]["searches"][index])
        for scope, said in SCOPES.items():
            title = f"subsets that keep their class with another version, {said} ({how})"
            yield _matrix(transfers, scope, title, result.called)


def lower_first(text: str) -> str:
    """The text with a small first letter, to stand within a line."""
    return text[:1].lower() + text[1:]


def _matrix(transfers: Sequence[Transfer], scope: str, title: str, called: Callable[[str], str]) -> Table:
    versions = list(dict.fromkeys(one.source for one in transfers))
    cells = {(one.source, one.scorer): one for one in transfers}
    table = Table(title=title, title_justify="left")
    table.add_column("subsets of", overflow="fold")
    for scorer in versions:
        table.add_column(escape(f"scored by {called(scorer)}"), overflow="fold")
    for source in versions:
        row = [_cell(cells[source, scorer], scope) if scorer != source else "" for scorer in versions]
        table.add_row(*(escape(cell) for cell in (printable(called(source)), *row)))
    return table


def _cell(transfer: Transfer, scope: str) -> str:
    """The share that keeps its class; below it the share that suffices, and the confidence."""
    kept, sufficient, median = (
        transfer.measures[f"{scope}_{name}"] for name in ("class_kept_share", "sufficient_share", "confidence_median")
    )
    if kept.value is None:
        return printable(str(kept))
    return f"{kept}\n{value_text(sufficient)} suffice, median confidence {value_text(median)}, n = {kept.n:,}"
