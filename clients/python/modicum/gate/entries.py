"""Whether the entries of a result are of the versions and searches that it names, all of them, each once, in order.

A rule reads the first entry that it is about. A second one of the same would hide what the first does not say, and an
entry that is missing would leave its version or class unjudged. What the numbers mean is not looked at.
"""

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from modicum.gate.searched import asked_searches

Document = Mapping[str, Any]
#: By a part of the document, the keys that tell its entries apart.
KEYS = {
    "models": ("model_version",),
    "spots": ("model_version", "search_index"),
    "counterfactuals": ("model_version", "search_index"),
    "transfer": ("source", "scorer", "search_index"),
    "comparisons": ("first", "second", "search_index"),
}
#: By a part, the lists in its entries, with the key that tells what they hold apart.
LISTS = {"spots": ("rows", "target_class"), "counterfactuals": ("classes", "class")}
OF_A_ROW = ("model_version", "search_index", "position")

OF_A_VERSION = ("rows", "spots", "counterfactuals")
"""Parts whose entries are of one version."""


def wrong_entries(document: Document) -> Iterator[str]:
    """Yield each entry that stands twice, that is missing, or that is of a version that the document does not have."""
    yield from _twice(document)
    yield from _missing(document)
    yield from _out_of_order(document)
    known = {model["model_version"] for model in document["models"]}
    for part in OF_A_VERSION:
        for at, entry in enumerate(document.get(part, ())):
            if entry["model_version"] not in known:
                yield f"{part}[{at}] is of {entry['model_version']}, which models does not have"
    for at, entry in enumerate(document.get("mitigation", ())):
        for version in (entry["ensemble"], *entry.get("members", ())):
            if version not in known:
                yield f"mitigation[{at}] names {version}, which models does not have"


def _twice(document: Document) -> Iterator[str]:
    for part, keys in KEYS.items():
        entries = document.get(part, ())
        yield from _repeated(part, entries, keys)
        if part in LISTS:
            name, key = LISTS[part]
            for at, entry in enumerate(entries):
                yield from _repeated(f"{part}[{at}].{name}", entry[name], (key,))
    for at, model in enumerate(document["models"]):
        for index, search in enumerate(model["searches"]):
            path = f"models[{at}].searches"
            yield from _repeated(f"{path}[{index}].readings", search["readings"], ("control",))
            if search["search"] in [one["search"] for one in model["searches"][:index]]:
                yield f"{path}[{index}] has the search of another entry"
    yield from _repeated("rows", [row for row in document.get("rows", ()) if "position" in row], OF_A_ROW)


def _repeated(path: str, entries: Sequence[Document], keys: Sequence[str]) -> Iterator[str]:
    """Yield each entry with the keys of one before it. One that does not name its search is of the first."""
    seen: set[Hashable] = set()
    for at, entry in enumerate(entries):
        named = tuple(entry.get(key, 0 if key == "search_index" else None) for key in keys)
        if named in seen:
            yield f"{path}[{at}] is a second one with the same {' and '.join(keys)}"
        seen.add(named)


def _missing(document: Document) -> Iterator[str]:
    """Yield versions that were asked for, and searches for every version, that the document does not have."""
    known = {model["model_version"] for model in document["models"]}
    for version in document["specification"].get("model_versions", ()):
        if version not in known:
            yield f"models has no {version}, which specification.model_versions names"
    wanted = [search for search in asked_searches(document) if not search.get("matched", False)]
    for at, model in enumerate(document["models"]):
        ran = [search["search"] for search in model["searches"]]
        for search in wanted:
            if search not in ran:
                yield f"models[{at}].searches has no search of threshold {search['threshold']}, which was asked for"


def _out_of_order(document: Document) -> Iterator[str]:
    """Yield versions whose searches are not in the order of the request: rules name a search by its number."""
    asked = asked_searches(document)
    for at, model in enumerate(document["models"]):
        ran = [search["search"] for search in model["searches"]]
        if ran != [search for search in asked if search in ran]:
            yield f"models[{at}].searches are not in the order of specification.searches"
