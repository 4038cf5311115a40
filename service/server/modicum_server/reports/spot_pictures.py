"""Pictures of copied spots for the JSON report: of each class with a spot, one copy that changed the class.

A verdict is made from such a report, and shows the pictures without the images, the model and the server. All numbers
are the document's.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification
from modicum_server.reports import panels
from modicum_server.reports.gallery import LoadImage, Scene, scene_of
from modicum_server.reports.spots import ExampleImage, copied_region, example_images, pasted, shown_place
from modicum_server.reports.wording import class_text

MOST_CLASSES = 10
PLACE = ("kind", "height", "width", "top", "left", "size", "pixels")
"""The last two are of patterns alone."""
COUNTS = ("pairs", "here", "elsewhere")


def spot_pictures(
    document: Mapping[str, Any],
    findings: Iterable[Finding],
    load_image: LoadImage,
    *,
    inputs: Mapping[str, InputSpecification],
    labels: Mapping[str, Sequence[str]],
) -> list[dict[str, Any]]:
    """Return an entry for each class with a spot whose images are still stored, of at most ten classes.

    Args:
        document: the result document.
        findings: iterated once, if there are pictures to show.
        load_image: bytes of an image by digest; None where they are not stored any more.
        inputs: the input specification of each version, by resource name; without one there are no pictures of it.
        labels: class labels of each version, by resource name.
    """
    tests = document.get("spots", ())
    images = example_images(tests, findings)
    entries = (
        entry
        for test in tests
        for entry in _of_test(test, images, _scene(document, test, load_image, inputs=inputs, labels=labels))
    )
    return list(islice(entries, MOST_CLASSES))


def _scene(document: Mapping[str, Any], test: Mapping[str, Any], load_image: LoadImage, **known: Any) -> Scene:
    version = test["model_version"]
    searches = next(model["searches"] for model in document["models"] if model["model_version"] == version)
    return scene_of(document, version, searches[test["search_index"]]["search"]["fill"], load_image, **known)


def _of_test(
    test: Mapping[str, Any], images: Mapping[tuple[str, int], ExampleImage], scene: Scene
) -> Iterator[dict[str, Any]]:
    for row in test["rows"]:
        entries = (copied_spot(test, row, example, images, scene) for example in row["examples"])
        entry = next((one for one in entries if one is not None), None)
        if entry is not None:
            yield entry


def copied_spot(
    test: Mapping[str, Any],
    row: Mapping[str, Any],
    example: Mapping[str, Any],
    images: Mapping[tuple[str, int], ExampleImage],
    scene: Scene,
) -> dict[str, Any] | None:
    """Return the entry of an example; None where one of its images is not stored any more."""
    source, other = (images.get((test["model_version"], example[name])) for name in ("source", "other"))
    if source is None or other is None:
        return None
    shown = scene.photograph(source.digest), scene.photograph(other.digest)
    if shown[0] is None or shown[1] is None:
        return None
    place = shown_place(row)
    return {
        "model_version": test["model_version"],
        "target_class": row["target_class"],
        "label": row["label"],
        "place": {name: example[name] for name in PLACE if name in example},
        "matched": place.get("matched", False),
        "source": _image_json(source, scene.labels),
        "other": _image_json(other, scene.labels),
        "pasted": _counts(place["pasted"], example["source"]),
        "covered": _counts(place["covered"], example["source"]),
        **_pictures(copied_region(example, shown[0].pixels.shape[:2]), shown[0].pixels, shown[1].pixels),
    }


def _image_json(image: ExampleImage, labels: Sequence[str]) -> dict[str, Any]:
    predicted = None if image.predicted is None else class_text(image.predicted, labels)
    return {"item": image.item, "class": predicted, "confidence": image.confidence}


def _counts(counts: Sequence[Mapping[str, int]], source: int) -> dict[str, int] | None:
    """In how many pairs the class followed this source's place, and another place; None if it was not tested."""
    found = next((one for one in counts if one["source"] == source), None)
    return None if found is None else {name: found[name] for name in COUNTS}


def _pictures(region: panels.Mask, source: panels.Pixels, other: panels.Pixels) -> dict[str, Any]:
    pictures = {
        "photograph": source,
        "covered": pasted(region, other, source),
        "other": other,
        "pasted": pasted(region, source, other),
    }
    height, width = region.shape
    return {
        "canvas": {"height": height, "width": width},
        "outline": panels.outline(region),
        "pictures": {name: panels.photograph_uri(pixels) for name, pixels in pictures.items()},
    }
