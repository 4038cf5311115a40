"""Counts of a result that cannot be: more than there are images, pairs or sources. Needs no rows, judges nothing."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from modicum.gate.differing import Differences, differing
from modicum.gate.early_stop import is_whole
from modicum.gate.searched import asked_searches

Document = Mapping[str, Any]
TRIALS = ("pasted", "covered")
LEAST_CLASS_IMAGES = 8
"""So many images that are predicted to be of a class bring a row of the spot test for it; the server has the same."""
ROWS_SINCE = 5
"""Version of the result from which on a class with so many images has a row."""
SECOND_DATASETS = ("out_of_distribution_dataset", "counterfactual_dataset")
"""Keys of the specification that name data sets beside the audited one."""
BY_CLASS = "overinterpretation_rate"
"""A measure whose groups are images by predicted class."""


def beyond_bounds(document: Document) -> Differences:
    """Yield counts that are larger than what they are counted of."""
    stopping, audited = document.get("stopping"), document["dataset"]["audited"]
    if document["specification"].get("stopping") is not None and stopping is None:
        yield "stopping", None, "one, as the specification has it,"
    elif stopping is not None:
        yield from differing("dataset.audited", audited, stopping["images"])
    yield from _erased_elsewhere(document)
    images = max(audited, 0 if stopping is None else stopping["planned"])
    for at, model in enumerate(document["models"]):
        for index, search in enumerate(model["searches"]):
            yield from _of_a_search(f"models[{at}].searches[{index}]", search, images)
    for at, test in enumerate(document.get("spots", ())):
        yield from _of_a_spot_test(f"spots[{at}]", test, document)


def _erased_elsewhere(document: Document) -> Differences:
    """An erasure from the audited images that left all of them. One from another data set may do so."""
    dataset, specification = document["dataset"], document["specification"]
    if any(specification.get(name) for name in SECOND_DATASETS) or not is_whole(document):
        return
    if dataset.get("erased"):
        counted = max(search["counts"]["images"] for model in document["models"] for search in model["searches"])
        gone = dataset["audited"] - dataset.get("copies", 0) - counted
        yield from differing("dataset.erased", dataset["erased"], gone)


def _of_a_search(path: str, search: Document, images: int) -> Differences:
    counts = search["counts"]
    yield from _at_most(f"{path}.counts.images", counts["images"], images)
    for name, count in counts.items():
        yield from _at_most(f"{path}.counts.{name}", count, counts["images"])
    for name, measure in search["measures"].items():
        yield from _at_most(f"{path}.measures.{name}.n", measure["n"], counts["images"])
        for group, one in measure.get("groups", {}).items():
            yield from _at_most(f"{path}.measures.{name}.groups.{group}.n", one["n"], measure["n"])


def _of_a_spot_test(path: str, test: Document, document: Document) -> Differences:
    """What a spot test counts too often. After an erasure its images are counted by what is left of each row alone."""
    labels = {model["model_version"]: model.get("class_labels", ()) for model in document["models"]}
    rows: Sequence[Document] = test["rows"]
    together = sum(row["sources"] for row in rows if row["target_class"] is None)
    if together and not document["dataset"].get("erased"):
        held = sum(row["sources"] for row in rows if row["target_class"] is not None)
        yield from _at_most(f"{path}.rows.sources of classes together", held, together)
    yield from _classes_without_row(path, test, document)
    if document["schema_version"] >= ROWS_SINCE and not document["dataset"].get("erased"):
        yield from _kinds_of_places(path, test["rows"])
    for number, row in enumerate(rows):
        here = f"{path}.rows[{number}]"
        yield from _label_differing(here, row, labels.get(test["model_version"], ()))
        yield from _sources_of_places(here, row)
        for at, place in enumerate(row["places"]):
            for name in TRIALS:
                yield from _of_sources(f"{here}.places[{at}].{name}", place[name])


def _classes_without_row(path: str, test: Document, document: Document) -> Differences:
    """Classes that the test has no row of, though enough images are of them, where it took place on all images."""
    if not test["rows"] or document["schema_version"] < ROWS_SINCE or not is_on_all(document):
        return
    tested = {str(row["target_class"]) for row in test["rows"]}
    beside = asked_searches(document)[test.get("search_index", 0)]
    searches = [
        search
        for model in document["models"]
        for search in model["searches"]
        if model["model_version"] == test["model_version"] and search["search"] == beside
    ]
    for search in searches:
        for index, one in search["measures"].get(BY_CLASS, {}).get("groups", {}).items():
            if one["n"] >= LEAST_CLASS_IMAGES and index not in tested:
                yield f"{path}.rows of class {index}", "missing", f"one of {one['n']} images"


def _kinds_of_places(path: str, rows: Sequence[Document]) -> Differences:
    """Rows without a kind of place that others have. Of the whole images each row with pairs has both kinds.

    An erasure may have taken all sources of a place.
    """
    kinds = [{place["own"] for place in row["places"] if not place.get("outside")} for row in rows]
    known = set().union(*kinds)
    for number, has in enumerate(kinds):
        for own in sorted(known - has if has else ()):
            called = "own windows" if own else "fixed places"
            yield f"{path}.rows[{number}].places", f"without {called}", f"{called}, as in other rows,"


def is_on_all(document: Document) -> bool:
    """Whether the spot test was to take all images, and none was erased since."""
    plans = [one["images"] for one in document["specification"].get("controls", ()) if one["control"] == "spot"]
    on_all = all(images == 0 or images >= document["dataset"]["audited"] for images in plans)
    return bool(plans) and on_all and is_whole(document) and not document["dataset"].get("erased")


def _label_differing(path: str, row: Document, labels: Sequence[str]) -> Differences:
    if row["target_class"] is not None and row["target_class"] < len(labels):
        yield from differing(f"{path}.label", row["label"], labels[row["target_class"]])


def _sources_of_places(path: str, row: Document) -> Differences:
    """Fewer sources than its places name. Places of older results name none."""
    counts = [one for place in row["places"] for name in TRIALS for one in place[name]]
    named = len({one["source"] for one in counts if "source" in one})
    if row["sources"] < named:
        yield f"{path}.sources", row["sources"], f"at least {named}"


def _of_sources(path: str, counts: Sequence[Document]) -> Differences:
    """A source stands once, and the class can follow it in no more pairs than there are."""
    seen: set[int] = set()
    for at, one in enumerate(counts):
        for side in ("here", "elsewhere"):
            yield from _at_most(f"{path}[{at}].{side}", one[side], one["pairs"])
        if one.get("source") in seen:
            yield f"{path}[{at}].source", one["source"], "no source twice"
        seen |= {one["source"]} if "source" in one else set()


def _at_most(path: str, said: int, most: int) -> Iterator[tuple[str, Any, Any]]:
    if said > most:
        yield path, said, f"at most {most}"
