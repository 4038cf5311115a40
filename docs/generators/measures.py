"""The measures of a result document, from the registry of measures."""

from collections.abc import Iterator, Mapping

from modicum_server.measures.measure_sets import Title
from modicum_server.measures.registry import MEASURE_SETS, PAIRS

from docs.generators.markdown import code, table

HEAD = ("measure", "title", "place")


def page() -> str:
    """Two tables: measures of one version under one search, then of two versions."""
    one = (row for each in MEASURE_SETS for row in _rows(each.titles))
    two = (row for each in PAIRS for row in _rows(each.titles))
    return f"## Of a version and a search\n\n{table(HEAD, one)}\n## Of two versions\n\n{table(HEAD, two)}"


def _rows(titles: Mapping[str, Title]) -> Iterator[tuple[str, str, str]]:
    for name, title in titles.items():
        yield code(name), title.text, title.place.value
