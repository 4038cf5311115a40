"""Part (b): the bare loop of `find_subsets` against as many raw passes of the model at its best batch size.

Raw passes run the plain module on images of the canvas: no folding, masks, counting or verification. They are timed
before and after the loop, so that a machine that slows down affects both. The loop runs as users run it, and once more
without acceleration, which shows the cost of the loop itself.
"""

import time
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from modicum_sis import Classifier, Finding, MaskOptimization, Passes, find_subsets, measured_chunk_size
from torch import Tensor

from benchmarks.subjects import Absent, Source, Subject, cifar_resnet, efficientnet_lite, load, plain_classifier

PASSES = 600
BATCH_SIZES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
LARGEST_BATCH_VALUES = 16 * 3 * 224 * 224
TRIAL_SECONDS, RAW_SECONDS = 0.4, 4.0
FEWEST_REPEATS = 3

Step = Callable[[Classifier, Tensor], None]


def measure(data: Path | None, *, quick: bool) -> dict[str, Any]:
    """Measure both networks. Return JSON values."""
    sources: list[tuple[Callable[[], Source], int]] = [
        (lambda: cifar_resnet(20, data), 32 if quick else 256),
        (lambda: efficientnet_lite("lite0"), 2 if quick else 8),
    ]
    rows, absent = [], []
    for source, count in sources:
        try:
            rows.append(compared(load(source(), count), passes=PASSES))
        except Absent as error:
            absent.append(str(error))
    return {"rows": rows, "absent": absent}


def compared(subject: Subject, passes: int) -> dict[str, Any]:
    """One subject: the seconds of both loops over those of their raw passes."""
    unaccelerated = replace(subject, classifier=plain_classifier(subject.source))
    before = raw_seconds(unaccelerated)
    plain, plain_seconds = run(unaccelerated, passes)
    findings, seconds = run(subject, passes)
    after = raw_seconds(unaccelerated)
    raw = ((before[0] + after[0]) / 2, (before[1] + after[1]) / 2)
    spent, expected = _expected(findings, raw)
    row = {
        "name": subject.source.name,
        "n": len(findings),
        "passes": passes,
        "forward": spent.forward,
        "backward": spent.backward,
        "chunk_size": findings[0].parameters.chunk_size,
        "acceleration": asdict(subject.classifier.acceleration(subject.canvas)),
        "loop_seconds": round(seconds, 2),
        "raw_seconds": round(expected, 2),
        "ratio": seconds / expected,
        "plain_loop_seconds": round(plain_seconds, 2),
        "plain_ratio": plain_seconds / _expected(plain, raw)[1],
    }
    print(
        f"bare loop, {row['name']}: {row['ratio']:.2f} of the raw passes ({seconds:.1f} s / {expected:.1f} s); "
        f"{row['plain_ratio']:.2f} without acceleration"
    )
    return row


def run(subject: Subject, passes: int) -> tuple[list[Finding], float]:
    """Run the bare loop. Return its seconds without the choice of the batch size, which happens once per model."""
    chunk_size = measured_chunk_size(subject.classifier, subject.canvas)
    begun = time.perf_counter()
    found = find_subsets(
        subject.classifier,
        subject.images,
        threshold=subject.source.threshold,
        search=MaskOptimization(passes=passes),
        chunk_size=chunk_size,
    )
    findings = list(found)
    return findings, time.perf_counter() - begun


def _expected(findings: list[Finding], raw: tuple[float, float]) -> tuple[Passes, float]:
    """The passes of a loop, and their raw seconds: forward, and forward with backward, per image."""
    spent = sum((finding.passes for finding in findings), Passes())
    return spent, (spent.forward - spent.backward) * raw[0] + spent.backward * raw[1]


def raw_seconds(subject: Subject) -> tuple[float, float]:
    """Seconds per image of a forward pass, and of a forward with a backward pass, each at its best batch size."""
    largest = max(1, LARGEST_BATCH_VALUES // subject.images[0].numel())
    sizes = [size for size in BATCH_SIZES if size <= largest]
    batches = [subject.images[torch.arange(size) % len(subject.images)] for size in sizes]
    return _best(_forward, subject.classifier, batches), _best(_forward_and_backward, subject.classifier, batches)


def _best(step: Step, classifier: Classifier, batches: list[Tensor]) -> float:
    """Find the best batch size in short trials, then time it for longer. Return seconds per image."""
    trials = [_seconds_an_image(step, classifier, batch, TRIAL_SECONDS) for batch in batches]
    return _seconds_an_image(step, classifier, batches[trials.index(min(trials))], RAW_SECONDS)


def _seconds_an_image(step: Step, classifier: Classifier, batch: Tensor, seconds: float) -> float:
    """The mean, not the minimum: other load on the machine slows down the loop as well."""
    step(classifier, batch)
    _settle(batch)
    begun, repeats = time.perf_counter(), 0
    while repeats < FEWEST_REPEATS or time.perf_counter() - begun < seconds:
        step(classifier, batch)
        _settle(batch)
        repeats += 1
    return (time.perf_counter() - begun) / (repeats * len(batch))


def _forward(classifier: Classifier, batch: Tensor) -> None:
    with torch.no_grad():
        classifier.logits(batch)


def _forward_and_backward(classifier: Classifier, batch: Tensor) -> None:
    images = batch.clone().requires_grad_()
    torch.autograd.grad(classifier.logits(images).amax(dim=1).sum(), images)


def _settle(batch: Tensor) -> None:
    if batch.device.type == "cuda":
        torch.cuda.synchronize()
