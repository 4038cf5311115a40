"""What a comparison needs of a result: of one version, under which conditions, what each image gave. And its file.

Made of a result with its rows. A file of it is what a policy compares with; its digest is over all of it. Compares
nothing.
"""

import hashlib
import json
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from modicum.errors import PolicyError
from modicum.gate.identity import identity
from modicum.gate.paired import measured_size

KIND = "modicum.baseline"
SCHEMA_VERSION = 1
OF_THE_FILE = "file_digest"
"""Key of the digest over all other keys of a file. Files of older releases lack it: their reason may be edited."""
SEARCH_DTYPE = "search_dtype"
"""A condition of sizes alone: predictions are made by the version itself, in its own number type."""
Document = Mapping[str, Any]
NO_ROWS = "{} has no rows, so it cannot be compared; {}"
WAY_OUT = "write it with `modicum audits report AUDIT --output FILE.json`, or add `--findings FILE`"
NOT_FINITE = "NOT_FINITE"


@dataclass(frozen=True, slots=True)
class ImageResult:
    """What one search gave on one image.

    Attributes:
        image: SHA-256 of its file.
        label: class index; None if unknown.
        predicted: class index; None where the model gave no prediction.
        eligible: whether the predicted class reaches the threshold.
        size: pixels kept; None where nothing was measured (`paired.measured_size`).
        margin: log-odds of the predicted class; None where it is not known or not finite.
    """

    image: str
    label: int | None
    predicted: int | None
    eligible: bool
    size: float | None
    margin: float | None = None


@dataclass(frozen=True, slots=True)
class SearchResult:
    """One search of the version: what was asked, whether it ran without a gradient, and each image by its digest."""

    search: Document
    gradient_free: bool
    images: Mapping[str, ImageResult]


@dataclass(frozen=True, slots=True)
class Compared:
    """One version's side of a comparison.

    Attributes:
        conditions: canvas, mean fill and parameters, by name; both sides must have equal ones. One that only one side
            has is not equal.
        result: the names and digests of the result that it was taken from.
        digest: SHA-256 of all of it.
        class_labels: names of the version's classes by index; empty where they are not known.
    """

    conditions: Document
    result: Document
    searches: tuple[SearchResult, ...]
    digest: str = ""
    class_labels: tuple[str, ...] = ()


def compared(document: Document, version: str, *, called: str) -> Compared:
    """Return a version's side of a comparison, of a result with its rows.

    Raises:
        PolicyError: the result, which messages call `called`, has no rows.
    """
    if "rows" not in document:
        raise PolicyError(NO_ROWS.format(called, WAY_OUT))
    canvas = document["specification"]["canvas"]
    pixels = canvas["height"] * canvas["width"]
    rows: list[list[ImageResult]] = [[] for _ in document["specification"]["searches"]]
    for row in document["rows"]:
        if row["model_version"] == version:
            rows[row["search_index"]].append(_image(row, pixels))
    return sealed(_side(document, version, rows))


def without_images(document: Document, version: str) -> Compared:
    """Return a version's side of a comparison, of a result that may have no rows: what must be equal, and no image."""
    return _side(document, version, [[] for _ in document["specification"]["searches"]])


def _side(document: Document, version: str, images: Iterable[Iterable[ImageResult]]) -> Compared:
    model = next(one for one in document["models"] if one["model_version"] == version)
    parameters = document["parameters"]
    return Compared(
        conditions={
            "canvas": document["specification"]["canvas"],
            "mean_fill": model.get("mean_fill"),
            "device": str(parameters["device"]).partition(":")[0],
            "dtype": parameters["dtype"],
            "versions": parameters["versions"],
            **_searched_in(parameters, version),
        },
        result=identity(document),
        searches=tuple(_searches(model, document["specification"]["searches"], images)),
        class_labels=tuple(model.get("class_labels", ())),
    )


def _searched_in(parameters: Document, version: str) -> dict[str, str]:
    """The number type of the version's searches; nothing where it is the version's own, so that digests stay."""
    dtype = parameters.get("acceleration", {}).get(version, {}).get("dtype")
    return {} if dtype in {None, parameters["dtype"]} else {SEARCH_DTYPE: dtype}


def baseline_side(document: Document) -> Compared:
    """Return the baseline's side: of a baseline file, or of a result of one version with its rows.

    Raises:
        PolicyError: it is neither, the file was changed, or pictures were erased from the result.
    """
    if document.get("kind") == KIND:
        return _of_file(document)
    if "models" not in document:
        raise PolicyError(
            "the baseline: expected a baseline file or a result document; `modicum baseline update` writes one"
        )
    if erased := erased_in(document):
        raise PolicyError(
            f"the baseline: {erased:,} pictures were erased from this result, so it cannot be a baseline; audit "
            "again, and use the new result"
        )
    versions = [model["model_version"] for model in document["models"]]
    if len(versions) != 1:
        raise PolicyError(f"the baseline: expected a result of one version, got {len(versions)}")
    return compared(document, versions[0], called="the baseline")


def erased_in(document: Document) -> int:
    """Return how many pictures were erased from a result after its audit; older releases erased none."""
    return int(document["dataset"].get("erased", 0))


def baseline_document(side: Compared, *, reason: str) -> dict[str, Any]:
    """Return the baseline file of a side; `reason` says why it replaces one that it could not be compared with."""
    document = {
        "kind": KIND,
        "schema_version": SCHEMA_VERSION,
        "digest": side.digest,
        "reason": reason,
        **_content(side),
    }
    return {**document, OF_THE_FILE: _digest_of(document)}


def _content(side: Compared) -> dict[str, Any]:
    searches = [
        {
            "search": dict(one.search),
            "gradient_free": one.gradient_free,
            "images": [_image_json(row) for _, row in sorted(one.images.items())],
        }
        for one in side.searches
    ]
    content = {"conditions": dict(side.conditions), "result": dict(side.result), "searches": searches}
    return {**content, "class_labels": list(side.class_labels)} if side.class_labels else content


def _image_json(row: ImageResult) -> list[Any]:
    """The image as a file holds it. Files of older releases have no margins, and keep their digests."""
    values = [row.image, row.label, row.predicted, row.eligible, row.size]
    return values if row.margin is None else [*values, row.margin]


def sealed(side: Compared) -> Compared:
    """Return the side with the digest of what it holds."""
    return replace(side, digest=_digest_of(_content(side)))


def _digest_of(content: Document) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _of_file(document: Document) -> Compared:
    if document.get("schema_version") != SCHEMA_VERSION:
        raise PolicyError(
            f"the baseline: expected schema version {SCHEMA_VERSION}, got {document.get('schema_version')!r}"
        )
    side = sealed(
        Compared(
            document["conditions"],
            document["result"],
            tuple(
                SearchResult(one["search"], one["gradient_free"], _by_image(ImageResult(*row) for row in one["images"]))
                for one in document["searches"]
            ),
            class_labels=tuple(document.get("class_labels", ())),
        )
    )
    whole = {name: value for name, value in document.items() if name != OF_THE_FILE}
    if side.digest != document["digest"] or document.get(OF_THE_FILE) not in {None, _digest_of(whole)}:
        raise PolicyError(
            "the baseline was changed after it was written, because its digest does not match; run `modicum baseline "
            "update`"
        )
    return side


def _searches(
    model: Document, asked: Iterable[Document], rows: Iterable[Iterable[ImageResult]]
) -> Iterator[SearchResult]:
    """The searches that ran on the version. `models` leaves out those that did not."""
    ran = {json.dumps(one["search"], sort_keys=True): one for one in model["searches"]}
    for search, images in zip(asked, rows, strict=True):
        plain = {name: value for name, value in search.items() if name != "digest"}
        found = ran.get(json.dumps(plain, sort_keys=True))
        if found is not None:
            yield SearchResult(plain, found.get("gradient_free", False), _by_image(images))


def _by_image(images: Iterable[ImageResult]) -> dict[str, ImageResult]:
    """The images by their digests; of copies, the one that comes first."""
    by_image: dict[str, ImageResult] = {}
    for one in images:
        by_image.setdefault(one.image, one)
    return by_image


def _image(row: Document, pixels: int) -> ImageResult:
    size = measured_size(
        reason=row["reason"],
        subset=None if row["subset"] is None else row["subset"]["size"],
        budget_exhausted=row["budget_exhausted"],
        baseline_confident=row["baseline_confident"],
        pixels=pixels,
    )
    scored = row["predicted_class"] is not None and row["reason"] != NOT_FINITE
    return ImageResult(
        row["image_digest"],
        row["label"],
        row["predicted_class"] if scored else None,
        row["eligible"] and scored,
        size if math.isfinite(size) else None,
        row.get("margin") if scored else None,
    )
