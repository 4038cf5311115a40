"""Whether a result says the same where it says a thing twice: what was judged, not what was found. Judges nothing.

Only what a document has is compared, so results of older releases, which have less, are taken as before.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from modicum.gate.differing import shown

Document = Mapping[str, Any]
DEVICES = frozenset({"cpu", "cuda"})
"""Devices that a specification asks for by name; anything else leaves the choice to the workers."""

PAIRS = frozenset({"pairs", "same_picture", "failed"})
"""Counts of a counterfactual set; older results lack some."""
NAMED_SINCE = 5
"""Version of the result from which on `parameters` must name the digest of each version."""


def said_twice(document: Document) -> Iterator[str]:
    """Yield where a result says of its models, data set, device or early end what another part does not."""
    specification, name = document["specification"], document["dataset"]["name"]
    yield from _models_differing(document)
    if specification.get("dataset", name) != name:
        yield _otherwise("dataset.name", name, "specification.dataset", specification["dataset"])
    yield from _device_differing(document)
    if document.get("stopping") is not None and specification.get("stopping") is None:
        yield "stopping says that the audit may end early, but specification.stopping does not"
    yield from _members_missing(document)
    yield from _pairs_differing(document)


def _otherwise(path: str, said: Any, other: str, elsewhere: Any) -> str:
    return f"{path} is {shown(said)}, but {other} is {shown(elsewhere)}"


def _models_differing(document: Document) -> Iterator[str]:
    """Digests that are not those in `parameters`, and versions there that were taken out of `models`."""
    ran = document.get("parameters", {}).get("model_digests", {})
    models = {model["model_version"]: model["digest"] for model in document["models"]}
    for at, (version, digest) in enumerate(models.items()):
        if ran.get(version, digest) != digest:
            yield _otherwise(f"models[{at}].digest", digest, "its digest in parameters.model_digests", ran[version])
        elif version not in ran and document["schema_version"] >= NAMED_SINCE:
            yield f"models has {shown(version)}, but parameters.model_digests does not"
    for version in ran:
        if version not in models:
            yield f"parameters.model_digests has {shown(version)}, but models does not"


def _device_differing(document: Document) -> Iterator[str]:
    """Another device than was asked for. Where several workers ran it, their devices stand in one text."""
    asked, ran = document["specification"].get("device"), document.get("parameters", {}).get("device")
    if asked in DEVICES and ran is not None and {one.partition(":")[0] for one in ran.split(", ")} != {asked}:
        yield _otherwise("parameters.device", ran, "specification.device", asked)


def _members_missing(document: Document) -> Iterator[str]:
    """Versions that were searched at a matched temperature, so as members, though no version has them as members."""
    members = {member for model in document["models"] for member in model.get("members", ())}
    tells = all("members" in model for model in document["models"])
    for at, model in enumerate(document["models"]):
        matched = any(search["search"].get("matched", False) for search in model["searches"])
        if tells and matched and model["model_version"] not in members:
            yield f"models[{at}] has a search at a matched temperature, but no ensemble in models has it as a member"


def _pairs_differing(document: Document) -> Iterator[str]:
    """Counterfactual sets whose failed pairs are not those that no measure counts."""
    for at, test in enumerate(document.get("counterfactuals", ())):
        changed = test["measures"].get("counterfactual_changed_share", {})
        if test.keys() >= PAIRS and "n" in changed:
            left = test["pairs"] - test["same_picture"] - test["failed"]
            if changed["n"] != left:
                told = "pairs without the same and the failed ones"
                yield _otherwise(
                    f"counterfactuals[{at}].measures.counterfactual_changed_share.n", changed["n"], told, left
                )
