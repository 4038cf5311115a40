"""What influenced a result beside its specification: gathered from every task, kept with the audit."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from modicum_server.domain.tasks import TaskFinished, TaskStarted
from modicum_server.ports import Transaction


def started_parameters(
    started: TaskStarted, donor_digests: Sequence[str], max_image_pixels: int
) -> Mapping[str, object]:
    """What is known when a task has started."""
    return {
        "device": started.device,
        "versions": dict(started.versions),
        "donor_digests": sorted(set(donor_digests)),
        "max_image_pixels": max_image_pixels,
    }


def finished_parameters(finished: TaskFinished, model_version: str) -> Mapping[str, object]:
    """What is known when a task has ended; a text that is empty says nothing.

    `gradient_free` lists the versions that mask_optimization searched by forward passes alone; `acceleration` says of
    each version how the passes of its searches ran.
    """
    parameters: dict[str, object] = {"chunk_size": finished.chunk_size}
    if finished.dtype:
        parameters["dtype"] = finished.dtype
    if finished.gradient_free:
        parameters["gradient_free"] = [model_version]
    if finished.acceleration is not None:
        parameters["acceleration"] = {model_version: asdict(finished.acceleration)}
    return parameters


def merged(old: Mapping[str, object], new: Mapping[str, object]) -> dict[str, object]:
    """Join what two tasks were influenced by, without losing either's.

    Texts that differ are joined by ", " (a device, a library's version), numbers keep the largest (a chunk size),
    lists become their sorted union, mappings are joined key by key.
    """
    return {key: _joined(old.get(key), new.get(key)) for key in sorted({*old, *new})}


def _joined(old: object, new: object) -> object:
    if old is None or new is None or old == new:
        return new if old is None else old
    match old, new:
        case Mapping(), Mapping():
            return merged(old, new)
        case str(), str():
            return ", ".join(sorted({*old.split(", "), *new.split(", ")}))
        case list(), list():
            return sorted({*old, *new})
        case int() | float(), int() | float():
            return max(old, new)
        case _:
            return new


async def note_parameters(transaction: Transaction, audit: str, new: Mapping[str, object]) -> None:
    """Merge them into what the audit has noted; its row is locked, so that no other shard's are lost."""
    await transaction.audits.lock(audit)
    old = await transaction.audits.parameters(audit)
    joined = merged(old, new)
    if joined != dict(old):
        await transaction.audits.note_parameters(audit, joined)
