"""Part: what searching in bfloat16 gains and changes, as `chosen_speedups` measures and chooses."""

from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from modicum_sis import Classifier, MaskOptimization, SpeedupChoice, Speedups, chosen_speedups

from benchmarks.subjects import Absent, Source, Subject, cifar_resnet, classifier_of, efficientnet_lite, load

IMAGES, QUICK_IMAGES = 100, 10
CIFAR_PASSES, IMAGENET_PASSES = 600, 300
PHOTOGRAPHS = "imagenet-sample-500"
"""A folder of ImageNet photographs in the folder of outside data."""


def measure(data: Path | None, *, quick: bool) -> dict[str, Any]:
    """Search the images of both networks both ways, with one thread. Return JSON values."""
    trials: list[tuple[Callable[[], Source], int]] = [
        (lambda: cifar_resnet(20, data), CIFAR_PASSES),
        (lambda: _efficientnet_of_photographs(data), IMAGENET_PASSES),
    ]
    threads, rows, absent = torch.get_num_threads(), [], []
    torch.set_num_threads(1)
    try:
        for source, passes in trials:
            try:
                rows.append(compared(load(source(), QUICK_IMAGES if quick else IMAGES), passes))
            except Absent as error:
                absent.append(str(error))
    finally:
        torch.set_num_threads(threads)
    return {"rows": rows, "absent": absent}


def compared(subject: Subject, passes: int) -> dict[str, Any]:
    """One subject: seconds and sizes in bfloat16 over those in float32, and what was chosen."""

    def make(speedups: Speedups) -> Classifier:
        return classifier_of(subject.source, accelerate=speedups)

    search = MaskOptimization(passes=passes)
    choice = chosen_speedups(make, subject.images, threshold=subject.source.threshold, search=search)
    row = {
        "name": subject.source.name,
        "pictures": subject.source.pictures,
        "n": len(subject.images),
        "passes": passes,
        "chosen": choice.speedups.precision or "float32",
        **_figures(choice),
    }
    print(f"arithmetic, {row['name']}: {row['chosen']} {row['reason']}", flush=True)
    return row


def _figures(choice: SpeedupChoice) -> dict[str, Any]:
    return {
        "reason": choice.reason,
        "seconds": None if choice.seconds is None else asdict(choice.seconds),
        "sizes": None if choice.agreement is None else asdict(choice.agreement),
    }


def _efficientnet_of_photographs(data: Path | None) -> Source:
    """EfficientNet-Lite0 with the ImageNet photographs of the folder of outside data.

    Raises:
        Absent: there are none.
    """
    photographs = sorted((data / PHOTOGRAPHS).rglob("*.jpg")) if data else []
    if not photographs:
        raise Absent(f"EfficientNet-Lite0 needs {PHOTOGRAPHS}/ in the folder of outside data")
    return replace(efficientnet_lite("lite0"), pictures="ImageNet photographs", photographs=tuple(photographs))
