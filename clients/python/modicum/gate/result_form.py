"""Whether a file holds a result, or a baseline, that can be judged: its form, and what in it points elsewhere.

The forms are `schemas/result.json` and `schemas/baseline-v1.json`. What the numbers mean is not looked at.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any

from modicum.errors import InvalidSource, PolicyError
from modicum.gate import baseline_file
from modicum.gate.entries import wrong_entries
from modicum.gate.judging import refuse_other_documents
from modicum.gate.schemas import BASELINE, DAMAGED, RESULT, refuse_other_form
from modicum.gate.searched import asked_searches

Document = Mapping[str, Any]
OF_A_SEARCH = ("rows", "spots", "comparisons", "transfer", "counterfactuals", "mitigation", "reviews")
"""Parts whose entries name a search by its index among those that were asked for."""


def refuse_damaged_result(document: Document, source: str) -> None:
    """Refuse a result document that cannot be judged as it is; messages name the `source`.

    Raises:
        InvalidSource: a part is missing, is not what the form says, or points to nothing.
        PolicyError: it is another document, or the extra `gate` is missing.
    """
    with _naming(source):
        refuse_other_documents(document)
    _refuse_damaged(document, source, called="result document")


def refuse_damaged_baseline(document: Document, source: str) -> None:
    """Refuse a baseline file, or a result that stands in for one, as `refuse_damaged_result` does.

    What is neither is left to `baseline_side`.

    Raises:
        InvalidSource: as there.
        PolicyError: a baseline file was changed or is of another version of the form, or the extra `gate` is missing.
    """
    if document.get("kind") != baseline_file.KIND:
        if "models" in document:
            _refuse_damaged(document, source, called="result document as the baseline")
        return
    if document.get("schema_version") == baseline_file.SCHEMA_VERSION:
        refuse_other_form(document, BASELINE, source=source, called="baseline file")
    with _naming(source):
        baseline_file.baseline_side(document)


@contextmanager
def _naming(source: str) -> Iterator[None]:
    """Let what is refused inside name the source."""
    try:
        yield
    except PolicyError as error:
        raise PolicyError(f"{source}: {error}") from error


def _refuse_damaged(document: Document, source: str, *, called: str) -> None:
    refuse_other_form(document, RESULT, source=source, called=called)
    problem = next(chain(_dangling(document), wrong_entries(document)), None)
    if problem is not None:
        raise InvalidSource(DAMAGED.format(source=source, called=called, problem=problem))


def _dangling(document: Document) -> Iterator[str]:
    """Yield what names a search or a version that the document does not have."""
    asked, ran = asked_searches(document), set()
    for at, model in enumerate(document["models"]):
        for index, search in enumerate(model["searches"]):
            if search["search"] not in asked:
                yield f"models[{at}].searches[{index}].search is not in specification.searches"
            else:
                ran.add((model["model_version"], asked.index(search["search"])))
    for part in OF_A_SEARCH:
        for at, entry in enumerate(document.get(part, ())):
            if (index := entry.get("search_index", 0)) >= len(asked):
                yield f"{part}[{at}].search_index is {index}, but there are {len(asked)} searches"
    for at, entry in enumerate(document.get("comparisons", ())):
        for key in ("first", "second"):
            if (entry[key], entry["search_index"]) not in ran:
                yield f"comparisons[{at}].{key} names no version with that search"
