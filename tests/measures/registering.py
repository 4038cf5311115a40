"""Another line in the lists of `measures/registry.py`, for the length of a test."""

import pytest
from modicum_server.measures import registry
from modicum_server.measures.document_lists import DocumentList
from modicum_server.measures.measure_sets import MeasureSet, PairMeasureSet

LISTS = {MeasureSet: "MEASURE_SETS", PairMeasureSet: "PAIRS", DocumentList: "DOCUMENT_LISTS"}


def register(monkeypatch: pytest.MonkeyPatch, line: MeasureSet | PairMeasureSet | DocumentList) -> None:
    """Add a line to the end of the list of its kind, as somebody does who adds a measure."""
    name = LISTS[type(line)]
    monkeypatch.setattr(registry, name, (*getattr(registry, name), line))
