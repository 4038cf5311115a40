"""What influenced a result beside its specification: gathered from every task, kept with the audit."""

from collections.abc import Mapping
from dataclasses import asdict

from modicum_server.domain.tasks import ScoreWork, SearchWork, Task, TaskFinished, TaskStarted
from modicum_server.ports import Transaction


def parameters_of(event: TaskStarted | TaskFinished, task: Task) -> Mapping[str, object]:
    """Return what an event says of what influences the result of a search or of scores."""
    match event, task.work:
        case TaskStarted(), SearchWork() | ScoreWork() as work:
            return started_parameters(event, work)
        case TaskFinished(), SearchWork():
            return finished_parameters(event, task.model_version.name)
    return {}


def started_parameters(started: TaskStarted, work: SearchWork | ScoreWork) -> Mapping[str, object]:
    """Return what is known when a task has started."""
    return {
        "device": started.device,
        "versions": dict(started.versions),
        "donor_digests": sorted({donor.image_digest for donor in work.donors}),
        "max_image_pixels": work.max_image_pixels,
    }


def finished_parameters(finished: TaskFinished, model_version: str) -> Mapping[str, object]:
    """Return what is known when a search has ended. An empty text says nothing.

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
    """Return what influenced either of two tasks.

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
    """Merge them into what is noted with the audit. Its row is locked, so that those of other shards are not lost."""
    await transaction.audits.lock(audit)
    old = await transaction.audits.parameters(audit)
    joined = merged(old, new)
    if joined != dict(old):
        await transaction.audits.note_parameters(audit, joined)
