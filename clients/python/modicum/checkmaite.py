"""A capability of CheckMAITE: how few pixels suffice for the decisions of a MAITE model.

CheckMAITE (the package `checkmaite`) finds it by an entry point and shows it beside its own capabilities of image
classification, as `checkmaite.core.image_classification.Overinterpretation`. It searches as `modicum.maite.audit` does.
Only CheckMAITE imports this module.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from checkmaite.core.analytics_store._schema import BaseRecord
from checkmaite.core.capability_core import (
    Capability,
    CapabilityConfigBase,
    CapabilityOutputsBase,
    CapabilityRunBase,
    Number,
)
from checkmaite.core.report import InlineTextReport
from pydantic import BaseModel, Field

from modicum.errors import InvalidArgument
from modicum.maite import DEFAULT_PASSES, AuditedImage, MaiteAudit, audit
from modicum.reasons import reason_text

PLUGIN_API_VERSION = "1.0.0"
"""Of CheckMAITE's plugins, for which this module is written."""
WARNING = (
    "Small subsets exist for every network. They do not show that this one relies on a shortcut. The spot test of the "
    "Modicum service does, for a model that it can load."
)
SHOWN = 20
"""Rows of a report's table: the smallest subsets."""


class OverinterpretationConfig(CapabilityConfigBase):  # type: ignore[misc]
    """What is searched, and how; `modicum.maite.audit` says what each means."""

    bounds: tuple[float, float]
    threshold: float = Field(default=0.9, gt=0, lt=1)
    passes: int = Field(default=DEFAULT_PASSES, gt=0)
    alpha: float = Field(default=0.05, gt=0, lt=1, description="the largest share of the pixels that counts as small")
    fill: str = "mean"
    fill_mean: float | list[float] | None = None
    seed: int = 0
    indices: list[int] | None = Field(default=None, description="the images to search; default: all")


class ImageOutcome(BaseModel):
    """What was found on one image. Without a subset, `reason` says why.

    `predicted_class` is -1, and `confidence` is None, where the model's scores are not finite.
    """

    id: str
    label: int | None
    predicted_class: int
    confidence: float | None
    eligible: bool
    baseline_confident: bool
    subset_pixels: int | None
    subset_fraction: float | None
    reason: str


class OverinterpretationOutputs(CapabilityOutputsBase):  # type: ignore[misc]
    """The outcomes in the order of the images.

    Attributes:
        accuracy: the share of labelled images that are predicted as their label; None without labels.
        overinterpretation_rate: the share of the eligible images, without baseline-confident ones, for which `alpha` of
            the pixels suffice; None without one. It has no interval.
        masks: for each image its subset as a boolean mask (H, W), of no size where it has none.
    """

    class_names: dict[int, str]
    accuracy: float | None
    eligible: int
    baseline_confident: int
    overinterpretation_rate: float | None
    images: list[ImageOutcome]
    masks: list[np.ndarray[Any, Any]]


class OverinterpretationRecord(BaseRecord, table_name="modicum_overinterpretation"):  # type: ignore[call-arg, misc]
    """One image in CheckMAITE's analytics store."""

    dataset_id: str
    model_id: str
    image_index: int
    image_id: str
    label: int | None = None
    predicted_class: int
    confidence: float | None = None
    eligible: bool
    baseline_confident: bool
    subset_pixels: int | None = None
    subset_fraction: float | None = None


class OverinterpretationRun(CapabilityRunBase[OverinterpretationConfig, OverinterpretationOutputs]):  # type: ignore[misc]
    """A run, its records and its report."""

    config: OverinterpretationConfig
    outputs: OverinterpretationOutputs

    def extract(self) -> list[OverinterpretationRecord]:
        """Return a record for each image."""
        dataset, model = self.dataset_metadata[0]["id"], self.model_metadata[0]["id"]
        shared = {"run_uid": self.run_uid, "dataset_id": dataset, "model_id": model}
        return [
            OverinterpretationRecord(
                **shared, image_index=index, image_id=image.id, **image.model_dump(exclude={"id", "reason"})
            )
            for index, image in enumerate(self.outputs.images)
        ]

    def collect_md_report(self, threshold: float) -> InlineTextReport:  # noqa: ARG002 - CheckMAITE passes it
        """Return the report. `threshold` is not used: a small subset alone says neither good nor bad."""
        return InlineTextReport(
            media_type="text/markdown", content="\n".join(self._lines()), filename="modicum-overinterpretation.md"
        )

    def _lines(self) -> list[str]:
        outputs, config = self.outputs, self.config
        searched = [
            (image.subset_fraction, index, image)
            for index, image in enumerate(outputs.images)
            if image.subset_fraction is not None and not image.baseline_confident
        ]
        judged = outputs.eligible - outputs.baseline_confident
        rate = outputs.overinterpretation_rate
        of_rate = "not known: no image counts" if rate is None else f"{rate:.1%} of {judged}; no interval"
        return [
            "# Sufficient input subsets",
            "",
            f"- Model: {self.model_metadata[0]['id']}",
            f"- Data set: {self.dataset_metadata[0]['id']}, {len(outputs.images)} images",
            f"- Classified with a confidence of at least {config.threshold:g}: {outputs.eligible} images",
            f"- Of these, classified so on the bare fill alone: {outputs.baseline_confident}",
            f"- Accuracy: {'no labels' if outputs.accuracy is None else f'{outputs.accuracy:.1%}'}",
            f"- Images for which {config.alpha:.1%} of the pixels suffice: {of_rate}",
            "",
            WARNING,
            "",
            "| image | label | predicted | confidence | pixels | share of the pixels |",
            "|---|---|---|---|---|---|",
            *(self._row(index, image) for _, index, image in sorted(searched)[:SHOWN]),
        ]

    def _row(self, index: int, image: ImageOutcome) -> str:
        label = "" if image.label is None else self._class(image.label)
        cells = (f"{index}: {image.id}", label, self._class(image.predicted_class), f"{image.confidence:.3f}")
        shown = [cell.replace("|", "\\|").replace("\n", " ") for cell in cells]
        return f"| {' | '.join(shown)} | {image.subset_pixels:,} | {image.subset_fraction:.2%} |"

    def _class(self, number: int) -> str:
        return self.outputs.class_names.get(number, str(number))


class Overinterpretation(Capability[OverinterpretationOutputs, Any, Any, Any, OverinterpretationConfig]):  # type: ignore[misc]
    """Searches a small sufficient subset of each image, by forward passes of one model on one data set."""

    _RUN_TYPE = OverinterpretationRun

    @property
    def supports_datasets(self) -> Number:
        """One."""
        return Number.ONE

    @property
    def supports_models(self) -> Number:
        """One."""
        return Number.ONE

    @property
    def supports_metrics(self) -> Number:
        """None."""
        return Number.ZERO

    @classmethod
    def _create_config(cls) -> OverinterpretationConfig:
        raise InvalidArgument(
            "bounds: expected the lowest and highest value of a picture, which MAITE does not say; give "
            "config=OverinterpretationConfig(bounds=(0, 1)), or (0, 255)"
        )

    def _run(
        self,
        models: Sequence[Any],
        datasets: Sequence[Any],
        metrics: Sequence[Any],  # noqa: ARG002 - none are supported
        config: OverinterpretationConfig,
        use_prediction_and_evaluation_cache: bool,  # noqa: ARG002, FBT001 - the search asks for other pictures
    ) -> OverinterpretationOutputs:
        searched = config.model_dump(exclude={"alpha"})
        return _outputs(audit(models[0], datasets[0], **searched), config.alpha)


def exports() -> Mapping[str, Any]:
    """Return what CheckMAITE adds to `checkmaite.core.image_classification`."""
    shown = (Overinterpretation, OverinterpretationConfig, OverinterpretationOutputs)
    return {"__plugin_api_version__": PLUGIN_API_VERSION, **{each.__name__: each for each in shown}}


def _outputs(found: MaiteAudit, alpha: float) -> OverinterpretationOutputs:
    return OverinterpretationOutputs(
        class_names={int(number): str(name) for number, name in found.class_names.items()},
        accuracy=found.accuracy,
        eligible=found.eligible,
        baseline_confident=found.baseline_confident,
        overinterpretation_rate=found.overinterpretation_rate(alpha),
        images=[_outcome(image) for image in found.images],
        masks=[_mask(image) for image in found.images],
    )


def _outcome(image: AuditedImage) -> ImageOutcome:
    finding, subset = image.finding, image.finding.subset
    return ImageOutcome(
        id=str(image.id),
        label=image.label,
        predicted_class=finding.predicted_class,
        confidence=finding.confidence if np.isfinite(finding.confidence) else None,
        eligible=finding.eligible,
        baseline_confident=finding.baseline_confident,
        subset_pixels=None if subset is None else subset.size,
        subset_fraction=None if subset is None else subset.fraction,
        reason="" if not finding.reason else reason_text(finding.reason),
    )


def _mask(image: AuditedImage) -> "np.ndarray[Any, Any]":
    subset = image.finding.subset
    return np.zeros((0, 0), bool) if subset is None else np.asarray(subset.mask.cpu(), bool)
