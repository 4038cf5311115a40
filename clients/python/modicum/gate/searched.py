"""Searches of a result beside what its rows say of each image. Judges nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modicum.gate.copies import counted_rows
from modicum.gate.row_facts import RowFacts, Scene, facts_of

Document = Mapping[str, Any]
Searched = tuple[Document, Sequence[RowFacts]]


def searched(document: Document) -> Iterator[tuple[Document, list[Searched]]]:
    """Yield each version with its searches, each beside the images that it counts. The document must have rows."""
    specification, rows = document["specification"], _by_search(document)
    pixels = specification["canvas"]["height"] * specification["canvas"]["width"]
    asked = asked_searches(document)
    for model in document["models"]:
        each: list[Searched] = []
        for search in model["searches"]:
            scene = Scene(pixels, alpha_of(document, search), search["search"]["target_rule"] == "predicted")
            found = rows.get((model["model_version"], asked.index(search["search"])), ())
            each.append((search, [facts_of(row, scene) for row in found]))
        yield model, each


def asked_searches(document: Document) -> list[dict[str, Any]]:
    """Return the searches that were asked for, in the order of their indices, as each version has those it ran."""
    searches = document["specification"]["searches"]
    return [{name: one[name] for name in one if name != "digest"} for one in searches]


def search_index_of(document: Document, search: Mapping[str, Any]) -> int:
    """Return the index of a search among those that were asked for; 0 where the document does not list these."""
    if "searches" not in document["specification"]:
        return 0
    asked = asked_searches(document)
    return asked.index(dict(search)) if search in asked else 0


def entry_beside(document: Document, part: str, version: str, search: Mapping[str, Any]) -> Document | None:
    """Return the entry of a part of the document for a version beside one of its searches; None without one."""
    index = search_index_of(document, search)
    entries = (one for one in document.get(part, ()) if one["model_version"] == version)
    return next((one for one in entries if one.get("search_index", 0) == index), None)


def _by_search(document: Document) -> dict[tuple[str, int], list[Document]]:
    rows: dict[tuple[str, int], list[Document]] = {}
    for row in counted_rows(document):
        rows.setdefault((row["model_version"], row["search_index"]), []).append(row)
    return rows


def alpha_of(document: Document, search: Document) -> float:
    """Return the alpha of a search's rate; older documents tell it there alone."""
    told = search["measures"].get("overinterpretation_rate", {}).get("parameters", {})
    return float(document["specification"]["statistics"].get("alpha", told.get("alpha", 0.0)))
