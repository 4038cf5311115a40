"""Whether a result says the same where it says a thing twice: what was judged, not what was found. Judges nothing.

Only what a document has is compared, so results of older releases, which have less, are taken as before.
"""

from collections.abc import Mapping
from typing import Any

from modicum.gate.differing import Differences, differing
from modicum.gate.needed import is_of_labels

Document = Mapping[str, Any]
DEVICES = frozenset({"cpu", "cuda"})
"""Devices that a specification asks for by name; anything else leaves the choice to the workers."""

NAMED_SINCE = 5
"""Version of the result from which on `parameters` must name the digest of each version."""


def said_twice(document: Document) -> Differences:
    """Yield where a result says of its models, data set, device, early end or labels what another part does not."""
    specification = document["specification"]
    yield from _models_differing(document)
    if "dataset" in specification:
        yield from differing(
            "dataset.name beside specification.dataset", document["dataset"]["name"], specification["dataset"]
        )
    yield from _device_differing(document)
    if document.get("stopping") is not None and specification.get("stopping") is None:
        yield "stopping beside specification.stopping", "told", "none"
    yield from _labels_differing(document)
    yield from _members_missing(document)


def _models_differing(document: Document) -> Differences:
    """Digests that are not those in `parameters`, and versions there that were taken out of `models`."""
    ran = document.get("parameters", {}).get("model_digests", {})
    models = {model["model_version"]: model["digest"] for model in document["models"]}
    for at, (version, digest) in enumerate(models.items()):
        if version in ran:
            yield from differing(f"models[{at}].digest beside parameters.model_digests", digest, ran[version])
        elif document["schema_version"] >= NAMED_SINCE:
            yield "parameters.model_digests", f"without {version}", "one"
    for version in ran:
        if version not in models:
            yield "models beside parameters.model_digests", f"without {version}", "one"


def _device_differing(document: Document) -> Differences:
    """Another device than was asked for. Where several workers ran it, their devices stand in one text."""
    asked, ran = document["specification"].get("device"), document.get("parameters", {}).get("device")
    if asked in DEVICES and ran is not None and {one.partition(":")[0] for one in ran.split(", ")} != {asked}:
        yield "parameters.device beside specification.device", ran, asked


def _labels_differing(document: Document) -> Differences:
    """Fewer labels than rows have, or than images of a measure that takes labels. Older results do not tell them."""
    if "with_labels" not in document["dataset"]:
        return
    searches = [search for model in document["models"] for search in model["searches"]]
    measured = [one["n"] for search in searches for name, one in search["measures"].items() if is_of_labels(name)]
    labelled = {row["position"] for row in document.get("rows", ()) if row["label"] is not None and row["label"] >= 0}
    said, least = document["dataset"]["with_labels"], max([len(labelled), *measured])
    if said < least:
        yield "dataset.with_labels", said, f"at least {least}"


def _members_missing(document: Document) -> Differences:
    """Versions that were searched at a matched temperature, so as members, though no version has them as members."""
    members = {member for model in document["models"] for member in model.get("members", ())}
    tells = all("members" in model for model in document["models"])
    for at, model in enumerate(document["models"]):
        matched = any(search["search"].get("matched", False) for search in model["searches"])
        if tells and matched and model["model_version"] not in members:
            yield f"models beside the matched search of models[{at}]", "without its ensemble", "one"
