"""Options that several commands share, each written once."""

from pathlib import Path
from typing import Annotated

import typer

from modicum.cli.orders import DEFAULT_THRESHOLD
from modicum.searches import INT32_MAX, INT64_MAX, Fill, SearchMethod, TargetRule
from modicum.sources.inputs import BUILT_IN

Weights = Annotated[
    Path | None, typer.Option("--weights", help="Safetensors, or a state dict of tensors only (.pt, .pth).")
]
Exported = Annotated[
    Path | None, typer.Option("--exported", help="A torch.export program (.pt2), where the server allows programs.")
]
Torchscript = Annotated[
    Path | None, typer.Option("--torchscript", help="A TorchScript program, where the server allows programs.")
]
Architecture = Annotated[
    str | None, typer.Option("--architecture", help="Architecture of the weights, e.g. torchvision:resnet18.")
]
Input = Annotated[
    str, typer.Option("--input", metavar="NAME|FILE.toml", help=f"Preprocessing: {', '.join(BUILT_IN)}, or a file.")
]
Labels = Annotated[
    Path | None, typer.Option("--labels", help="Names of the classes in the order of the outputs, one a line.")
]
PhotoLabels = Annotated[
    Path | None,
    typer.Option("--photo-labels", help="CSV of file,label beside a flat folder; labels.csv in it unless given."),
]
Boxes = Annotated[
    Path | None,
    typer.Option(
        "--boxes", help="Where the objects are: CSV of file,left,top,right,bottom, or JSON {file: [box, ...]}."
    ),
]
Masks = Annotated[
    Path | None,
    typer.Option(
        "--masks", help="The same as a folder of mask pictures, named as the photographs; not black is object."
    ),
]
Threshold = Annotated[
    list[float] | None,
    typer.Option(
        "--threshold", help=f"Confidence that counts as sufficient; repeat for several. Default: {DEFAULT_THRESHOLD}."
    ),
]
Method = Annotated[SearchMethod, typer.Option("--method", help="How subsets are searched.")]
Passes = Annotated[
    int,
    typer.Option(
        "--passes", min=0, max=INT64_MAX, help="Budget an image in pass-equivalents; 0 leaves it to the server."
    ),
]
PixelsPerStep = Annotated[
    int,
    typer.Option(
        "--pixels-per-step",
        min=0,
        max=INT32_MAX,
        help="Pixels that batched_gradient removes a step; 0: the server's.",
    ),
]
Fraction = Annotated[
    float, typer.Option("--fraction", help="Share of the pixels that backselect removes a step; 0 is exact, and slow.")
]
FillChoice = Annotated[Fill, typer.Option("--fill", help="What stands where a pixel is masked.")]
Targets = Annotated[
    list[TargetRule] | None,
    typer.Option(
        "--target", help="Which class a search argues for; repeat for a search of each. Default: the predicted one."
    ),
]
Seed = Annotated[int, typer.Option("--seed", min=0, max=INT64_MAX, help="Seed of every random number.")]
Sample = Annotated[
    int,
    typer.Option("--sample", min=0, max=INT32_MAX, help="Audit this many images, drawn by the seed; 0 means all."),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu or cuda.")]
Controls = Annotated[
    list[str] | None,
    typer.Option(
        "--control",
        metavar="NAME[:IMAGES[:PASSES]]",
        help="A control, on at most IMAGES images; PASSES each for class_targeted (10 or more) and fill_robust (41). "
        "Repeatable. Default: the server's.",
    ),
]
PixelSubsets = Annotated[
    int | None,
    typer.Option(
        "--pixel-subsets",
        metavar="PASSES",
        min=0,
        max=INT64_MAX,
        help="Measure too what is recognised in the last 5% of the pixels, within PASSES an image; 0: the server's.",
    ),
]
NoControls = Annotated[bool, typer.Option("--no-controls", help="Run no control.")]
Level = Annotated[
    float | None,
    typer.Option("--level", help="Level of every interval, 0.5 to 0.999. Default: 0.95.", show_default=False),
]
Alpha = Annotated[
    float | None,
    typer.Option(
        "--alpha",
        help="The overinterpretation rate counts subsets of at most this share of the pixels. Default: 0.05.",
        show_default=False,
    ),
]
RatioLimit = Annotated[
    float | None,
    typer.Option(
        "--ratio-limit",
        help="MITIGATED: the ratios of subset fractions are seen to lie above this, 1 to 100. Default: 1.1.",
        show_default=False,
    ),
]
AccuracyLimit = Annotated[
    float | None,
    typer.Option(
        "--accuracy-limit",
        help="MITIGATED: the difference in accuracy is seen to lie above this, -1 to 0. Default: -0.02.",
        show_default=False,
    ),
]
NoReuse = Annotated[bool, typer.Option("--no-reuse", help="Run it even if an identical audit is stored.")]
Outputs = Annotated[
    list[Path] | None, typer.Option("--output", help="Write the result: FILE.json or FILE.html; repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="Answer in JSON on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Say nothing while it goes on.")]
