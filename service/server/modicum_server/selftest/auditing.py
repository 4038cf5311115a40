"""Audits a classifier in memory with the product's own model process, measures and result document.

It does what a worker does with a task, without TorchServe, queue and database. It writes the task into a slot's folder,
the model process runs it, and the findings become rows and the document. The classifier is not loaded from a file: the
model process gets it as the version that its slot has kept from the task before.
"""

import hashlib
import io
import json
import tempfile
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from modicum_sis import Classifier
from PIL import Image
from torch import nn

from modicum_server.domain.audits import Audit, AuditItem, AuditSpecification, AuditState, ItemCounts
from modicum_server.domain.controls import CONTROLS
from modicum_server.domain.datasets import Dataset
from modicum_server.domain.findings import Finding
from modicum_server.domain.models import InputSpecification, ModelVersion, VersionState, Weights
from modicum_server.domain.searches import Canvas, Control, ControlPlan, Search, SearchMethod
from modicum_server.domain.tasks import SearchWork, Task, TaskFindings
from modicum_server.generated.worker_pb2 import Chunk
from modicum_server.measures import result_document
from modicum_server.model_process.loading import Loaded, ModelCache
from modicum_server.model_process.running import Kept, library_versions, run_task
from modicum_server.model_server import ExpectedResults
from modicum_server.selftest.cases import Examples
from modicum_server.selftest.digits import CLASSES, SIDE
from modicum_server.selftest.training import MEAN, STD
from modicum_server.torchserve.messages import event_of, task_message

THRESHOLD = 0.9
VERSION = "projects/selftest/models/digits/versions/1"
DATASET = "projects/selftest/datasets/digits"
INPUT = InputSpecification(1, SIDE, SIDE, 0.0, 1.0, 0, "nearest", (MEAN,), (STD,))
ARCHITECTURE = "selftest:small_classifier"
"""A name that no group has: nothing is built from it."""
SHORTCUT_ALONE = (ControlPlan(Control.SHORTCUT),)


class AuditFailed(Exception):
    """The model process ended the task without findings; the message says why."""


def audit(
    module: nn.Module,
    examples: Examples,
    *,
    seed: int,
    passes: int,
    framing: InputSpecification = INPUT,
    controls: tuple[ControlPlan, ...] = SHORTCUT_ALONE,
) -> Mapping[str, Any]:
    """Audit a classifier of normalised images and return the result document.

    Args:
        module: the classifier, of ten classes.
        examples: the images, with labels, and with boxes if they are given.
        seed: the seed of the audit.
        passes: the budget of an image, in pass-equivalents.
        framing: the input of the classifier; its size is that of the images.
        controls: the controls that run.

    Raises:
        AuditFailed
    """
    with tempfile.TemporaryDirectory(prefix="modicum-selftest-") as slot:
        folder = Path(slot)
        (folder / "artifacts").mkdir()
        version = _version(_digest(module), framing)
        items = tuple(_items(folder, examples))
        specification = _specification(framing, controls, seed, passes)
        findings = _run(folder, _task(version, specification, items), _kept(version.digest, framing, module))
    counts = ItemCounts(len(items), sum(bool(item.boxes_digest) for item in items), with_masks=0)
    return _document(version, specification, counts, findings)


def _specification(
    framing: InputSpecification, controls: tuple[ControlPlan, ...], seed: int, passes: int
) -> AuditSpecification:
    return AuditSpecification(
        model_versions=(VERSION,),
        dataset=DATASET,
        canvas=Canvas(framing.channels, framing.height, framing.width),
        searches=(Search(SearchMethod.MASK_OPTIMIZATION, THRESHOLD, passes=passes),),
        controls=controls,
        seed=seed,
        sample=0,
        device="cpu",
    )


def _version(digest: str, framing: InputSpecification) -> ModelVersion:
    return ModelVersion(
        VERSION,
        Weights(digest, ARCHITECTURE),
        framing,
        tuple(map(str, range(CLASSES))),
        digest,
        VersionState.READY,
        datetime.now(UTC),
    )


def _task(version: ModelVersion, specification: AuditSpecification, items: tuple[AuditItem, ...]) -> Task:
    work = SearchWork(
        canvas=specification.canvas,
        search=specification.searches[0],
        search_index=0,
        seed=specification.seed,
        items=items,
        donors=items if any(CONTROLS[plan.control].uses_donors for plan in specification.controls) else (),
        controls=specification.controls,
        control_exclusions=(frozenset(),) * len(specification.controls),
    )
    return Task(id="selftest", attempt=1, model_version=version, work=work, device=specification.device)


def _kept(digest: str, framing: InputSpecification, module: nn.Module) -> Kept:
    bounds = (framing.lower_bound, framing.upper_bound)
    classifier = Classifier(module, bounds=bounds, mean=framing.mean, std=framing.std, device="cpu")
    return Kept(ModelCache({(digest, "cpu"): Loaded(classifier, framing)}))


def _digest(module: nn.Module) -> str:
    """Return the SHA-256 of the weights, in order."""
    values = [tensor.contiguous().numpy().tobytes() for tensor in module.state_dict().values()]
    return hashlib.sha256(b"".join(values)).hexdigest()


def _run(folder: Path, task: Task, kept: Kept) -> list[Finding]:
    """Let the model process run a task; return its findings."""
    (folder / "task.binpb").write_bytes(task_message(task, torch.get_num_threads()).SerializeToString())
    chunks: list[Chunk] = []
    run_task(folder, chunks.append, kept=kept)
    last = chunks[-1]
    if last.WhichOneof("body") != "finished":
        raise AuditFailed(f"the self-test's audit ended with {last.failure.reason}: {last.failure.detail}")
    expected = ExpectedResults(task)
    events = [expected.accept(event_of(chunk, task)) for chunk in chunks]
    return [finding for event in events if isinstance(event, TaskFindings) for finding in event.findings]


def _document(
    version: ModelVersion, specification: AuditSpecification, counts: ItemCounts, findings: list[Finding]
) -> Mapping[str, Any]:
    created = datetime.now(UTC)
    return result_document(
        audit=Audit(
            name="projects/selftest/audits/selftest",
            specification=specification,
            reuse_key="",
            item_count=len(findings),
            state=AuditState.RUNNING,
            sequence=1,
            principal="selftest",
            create_time=created,
        ),
        dataset=Dataset(DATASET, "", len(findings), len(findings), created),
        item_counts=counts,
        versions=[version],
        findings=findings,
        parameters={"device": specification.device, "versions": library_versions()},
        findings_digest="",
    )


def _items(folder: Path, examples: Examples) -> Iterator[AuditItem]:
    """Write the pictures and boxes as artifacts."""
    for place, (image, label) in enumerate(zip(examples.images, examples.labels.tolist(), strict=True)):
        picture = io.BytesIO()
        Image.fromarray(image).save(picture, "PNG")
        boxes = "" if examples.boxes is None else _put(folder, json.dumps([examples.boxes[place]]).encode())
        digest = _put(folder, picture.getvalue())
        yield AuditItem(place, f"{place:04d}.png", digest, label, boxes_digest=boxes)


def _put(folder: Path, data: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    (folder / "artifacts" / digest).write_bytes(data)
    return digest
