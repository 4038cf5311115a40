"""The method of Modicum as a library: searches for sufficient input subsets of image classifiers.

It needs only torch and numpy. It opens no sockets, and no files except those of `save_findings` and `load_findings`.
It reads the clock only for a `Limit`, in `measured_chunk_size` and in `chosen_speedups`. It leaves torch's global
random state unchanged.
"""

from modicum_sis.acceleration.fast_path import Acceleration, Speedups
from modicum_sis.controls.class_targeted import ClassTargeted, class_targeted, other_class
from modicum_sis.controls.controllable_findings import has_evidence
from modicum_sis.controls.fill_robust import FillRobust, fill_robust
from modicum_sis.controls.pixel_subsets import PixelSubset, pixel_subsets, planned_pixel_subset_passes
from modicum_sis.controls.rescoring import Rescore, dilated, mask_only, other_fills, random_same_size
from modicum_sis.errors import (
    CanvasMismatch,
    CanvasRefused,
    ContractBroken,
    FillUnavailable,
    FindingsFileRefused,
    GradientMissing,
    ImageError,
    ModelError,
    OutOfBounds,
    OutputNotFinite,
    OutputRefused,
    OutputUnsteady,
    ParameterError,
    SisError,
)
from modicum_sis.findings import Finding, Narrowing, Parameters, Passes, Reason, Subset, Trace
from modicum_sis.images.fills import FILLS, Donors, gather_donors
from modicum_sis.limit import Limit
from modicum_sis.model.chunk_size import default_chunk_size, measured_chunk_size
from modicum_sis.model.classifier import Classifier, Inspection
from modicum_sis.model.input_parameters import InputParameters
from modicum_sis.numerics.margins import log_odds
from modicum_sis.numerics.seeding import generator, image_digest
from modicum_sis.progress import Progress
from modicum_sis.run.find_subsets import find_subsets
from modicum_sis.run.findings_file import load_findings, save_findings
from modicum_sis.run.speedup_choice import SecondsRatio, SizeAgreement, SpeedupChoice, chosen_speedups
from modicum_sis.scoring.score_requests import LeaveOneOut, ScoreMasks, Scores, Stop
from modicum_sis.searches.backselect import BackSelect, backselect
from modicum_sis.searches.batch_scheduler import propose_each
from modicum_sis.searches.batched_gradient import BatchedGradient
from modicum_sis.searches.gradient_free import GradientFree
from modicum_sis.searches.mask_optimization import MaskOptimization
from modicum_sis.searches.protocol import AdmittedImage, Proposal, Search, SearchTask
from modicum_sis.version import __version__

__all__ = [
    "FILLS",
    "Acceleration",
    "AdmittedImage",
    "BackSelect",
    "BatchedGradient",
    "CanvasMismatch",
    "CanvasRefused",
    "ClassTargeted",
    "Classifier",
    "ContractBroken",
    "Donors",
    "FillRobust",
    "FillUnavailable",
    "Finding",
    "FindingsFileRefused",
    "GradientFree",
    "GradientMissing",
    "ImageError",
    "InputParameters",
    "Inspection",
    "LeaveOneOut",
    "Limit",
    "MaskOptimization",
    "ModelError",
    "Narrowing",
    "OutOfBounds",
    "OutputNotFinite",
    "OutputRefused",
    "OutputUnsteady",
    "ParameterError",
    "Parameters",
    "Passes",
    "PixelSubset",
    "Progress",
    "Proposal",
    "Reason",
    "Rescore",
    "ScoreMasks",
    "Scores",
    "Search",
    "SearchTask",
    "SecondsRatio",
    "SisError",
    "SizeAgreement",
    "SpeedupChoice",
    "Speedups",
    "Stop",
    "Subset",
    "Trace",
    "__version__",
    "backselect",
    "chosen_speedups",
    "class_targeted",
    "default_chunk_size",
    "dilated",
    "fill_robust",
    "find_subsets",
    "gather_donors",
    "generator",
    "has_evidence",
    "image_digest",
    "load_findings",
    "log_odds",
    "mask_only",
    "measured_chunk_size",
    "other_class",
    "other_fills",
    "pixel_subsets",
    "planned_pixel_subset_passes",
    "propose_each",
    "random_same_size",
    "save_findings",
]
