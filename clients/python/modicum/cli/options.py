"""Every option that more than one command has, written once: heading, name, value, help, type and default.

A class is a group of options that belong together. A command takes a group as one parameter, and `registration` turns
each field of the group into an option of the command.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import typer

from modicum.cli import option_words
from modicum.gate.fills import Fill
from modicum.searches import DEFAULT_THRESHOLD, FEWEST_CONTROL_PASSES, Control, SearchMethod, TargetRule
from modicum.sources.inputs import BUILT_IN, EXAMPLE
from modicum.versions import Combine

#: Headings of a help page.
MODEL = "Model"
IMAGES = "Images"
SEARCH = "Search"
CONTROLS = "Controls"
STATISTICS = "Statistics"
RUN = "Run"
OUTPUT = "Output"

#: The value of an option that takes none.
FLAG = ""
VERSION = "MODEL/VERSION, or MODEL for its newest version that was checked and accepted (READY)."
SERVER_CHOOSES = "With 0, the server chooses."
WHICH_SEARCH = (
    "Number of the search, from 0. An audit has one search for each threshold, in the order in which they were given. "
    "With two target rules, those of the first rule come first. "
    "`modicum ensemble check` also searches its members with scaled outputs; these searches come last."
)


def option(heading: str, name: str, value: str, text: str, *, short: str = "", **more: Any) -> Any:
    """One option: its heading and name, what its value is called, its help, and a short name if it has one."""
    names = (name, short) if short else (name,)
    return typer.Option(*names, metavar=value, help=text, rich_help_panel=heading, **more)


Photos = Annotated[
    Path,
    typer.Argument(
        metavar="PHOTOS",
        help="A folder of images (pictures or .npy arrays), with or without class folders; a .csv of "
        "file,label; an .npz; a .tar, such as a WebDataset; a .parquet; or one image.",
    ),
]
Json = Annotated[bool, option(OUTPUT, "--json", FLAG, "Print JSON to stdout.")]
Verbose = Annotated[
    bool,
    option(OUTPUT, "--verbose", FLAG, "Print the whole summary, what each control says, and all tables.", short="-v"),
]
Project = Annotated[
    str, option(RUN, "--project", "ID", "The project to work in. Default: MODICUM_PROJECT, otherwise `default`.")
]
Quiet = Annotated[bool, option(OUTPUT, "--quiet", FLAG, "Show no progress.")]
Outputs = Annotated[
    list[Path] | None,
    option(
        OUTPUT,
        "--output",
        "FILE",
        "Write the result to this file, in the format of its suffix: .json or .html. Repeatable.",
        short="-o",
    ),
]
Local = Annotated[bool, option(RUN, "--local", FLAG, "Use the local server even if MODICUM_ADDRESS names another.")]
PhotoLabels = Annotated[
    Path | None,
    option(
        IMAGES,
        "--photo-labels",
        "FILE.csv",
        "The true class of each image: rows of file,label, where a label may be empty. The default is labels.csv in "
        "the folder; or metadata.csv or metadata.jsonl in it (file_name, label); or the names of the class folders.",
    ),
]
LabelNames = Annotated[
    Path | None,
    option(
        IMAGES,
        "--label-names",
        "FILE",
        "A file that gives class names to labels that are ids, such as n01440764: an id and its name on each line, "
        "or JSON of names by id. It must name every label.",
    ),
]
Counterfactuals = Annotated[
    Path | None,
    option(
        IMAGES,
        "--counterfactual",
        "PHOTOS",
        "The same images without a suspected cue, or taken with another camera, under the same names. Each is "
        "compared with the audited image of the same name, and gets that image's label.",
    ),
]
Combination = Annotated[
    Combine, option(MODEL, "--combine", "RULE", f"How the members' outputs are combined: {', '.join(Combine)}.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """What holds a model, and how the model is used."""

    model: Annotated[
        str | None,
        option(
            MODEL,
            "--model",
            "FOLDER",
            "A model folder that save_pretrained (transformers) or save_for_hf (timm) wrote, or hf://ORG/NAME@COMMIT "
            "to fetch one from Hugging Face. Replaces --weights, --architecture, --input and --class-labels.",
        ),
    ] = None
    weights: Annotated[
        Path | None,
        option(
            MODEL,
            "--weights",
            "FILE",
            "The weights for --architecture: safetensors, or a .pt or .pth file with only a state dict. Or a whole "
            "network in ONNX (.onnx), without --architecture. The search in an ONNX network uses forward passes "
            "only, and finds larger subsets.",
        ),
    ] = None
    architecture: Annotated[
        str | None,
        option(
            MODEL,
            "--architecture",
            "NAME",
            "Architecture of the weights, such as torchvision:resnet18, timm:NAME, efficientnet_lite:NAME or, for "
            "small pictures, modicum:small_cnn.",
        ),
    ] = None
    exported: Annotated[
        Path | None,
        option(
            MODEL,
            "--exported",
            "FILE",
            "A torch.export program (.pt2) instead of weights. Only on a server that was started with "
            "MODICUM_ALLOW_EXECUTABLES=true.",
        ),
    ] = None
    torchscript: Annotated[
        Path | None,
        option(
            MODEL,
            "--torchscript",
            "FILE",
            "A TorchScript program instead of weights. Only on a server that was started with "
            "MODICUM_ALLOW_EXECUTABLES=true.",
        ),
    ] = None
    endpoint: Annotated[
        str | None,
        option(
            MODEL,
            "--endpoint",
            "NAME",
            "A model on another model server (KServe, Triton, MLServer; Open Inference Protocol v2), which the "
            "operator of the Modicum server has added. Give its name or its full address (grpc://HOST:PORT/MODEL). "
            "The search uses forward passes only, and finds larger subsets.",
        ),
    ] = None
    input_name: Annotated[
        str | None,
        option(
            MODEL,
            "--input",
            "INPUT",
            f"How images are resized and normalised: {', '.join(BUILT_IN)}, or a .toml file. Required for weights, "
            "ONNX, programs and endpoints. A .toml file holds lines such as those below. The shorter side is resized "
            "to `resize` pixels, and the centre is cropped. `mean` and `std` are for pixel values from 0 to 1. "
            f"`interpolation` may be bilinear (the default), bicubic or nearest.\n\n\b\n{EXAMPLE}",
        ),
    ] = None
    class_labels: Annotated[
        Path | None,
        option(
            MODEL,
            "--class-labels",
            "FILE",
            "Names of the classes (not the labels of the images), one per line, in the order of the model's outputs.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """What is known about the images: their classes, and where their objects are."""

    photo_labels: PhotoLabels = None
    label_names: LabelNames = None
    boxes: Annotated[
        Path | None,
        option(
            IMAGES,
            "--boxes",
            "PATH",
            "Where the objects are, in pixels: a CSV of file,left,top,right,bottom; JSON with a list of such boxes for "
            "each file; a COCO file; or a folder of Pascal VOC files.",
        ),
    ] = None
    masks: Annotated[
        Path | None,
        option(
            IMAGES,
            "--masks",
            "FOLDER",
            "Where the objects are: a folder with a black-and-white picture for each image, under the same name. Black "
            "is background, anything else is object.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchOptions:
    """What a subset must reach, and what its search may cost."""

    threshold: Annotated[
        list[float],
        option(
            SEARCH,
            "--threshold",
            "T",
            "Confidence from 0 to 1. Images below it are not searched, and a subset must reach it. Repeat for several "
            "thresholds.",
        ),
    ] = field(default_factory=lambda: [DEFAULT_THRESHOLD])
    passes: Annotated[
        int,
        option(
            SEARCH,
            "--passes",
            "N",
            "Budget of mask_optimization (the default method) for each search of an image, in passes: 10 or more. "
            "One evaluation of the model costs 1 pass, and its gradient 2 more. With 0, the server's default: 600, "
            "unless its operator changed it.",
        ),
    ] = 0
    fill: Annotated[Fill, option(SEARCH, "--fill", "FILL", f"What replaces a masked pixel. {option_words.FILLS}.")] = (
        Fill.MEAN
    )
    seed: Annotated[int, option(SEARCH, "--seed", "N", "Seed of all random draws.")] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodOptions:
    """How subsets are searched, and which class they must keep."""

    method: Annotated[
        SearchMethod,
        option(SEARCH, "--method", "METHOD", f"How subsets are searched. {option_words.METHODS}."),
    ] = SearchMethod.MASK_OPTIMIZATION
    pixels_per_step: Annotated[
        int,
        option(
            SEARCH, "--pixels-per-step", "N", f"Pixels that batched_gradient removes in each step. {SERVER_CHOOSES}"
        ),
    ] = 0
    fraction: Annotated[
        float,
        option(
            SEARCH,
            "--fraction",
            "SHARE",
            "Share of the remaining pixels that backselect removes in each step. With 0, one pixel: exact, but slow.",
        ),
    ] = 0.0
    target_rule: Annotated[
        list[TargetRule],
        option(
            SEARCH,
            "--target-rule",
            "RULE",
            "The class whose confidence must reach the threshold on a subset: the predicted class (predicted), or "
            "another class drawn at random (random_other). Repeat for both.",
        ),
    ] = field(default_factory=lambda: [TargetRule.PREDICTED])


@dataclass(frozen=True, slots=True, kw_only=True)
class ControlOptions:
    """Which controls run beside the searches."""

    control: Annotated[
        list[str] | None,
        option(
            CONTROLS,
            "--control",
            "CONTROL",
            "Run only this control; repeat for several. Default: all controls that apply to the audit. NAME:IMAGES "
            "runs it on that many images (0: all). NAME:IMAGES:PASSES also sets the budget per image, for "
            f"{option_words.SEARCHING_CONTROLS}. {option_words.CONTROLS}.",
        ),
    ] = None
    no_controls: Annotated[bool, option(CONTROLS, "--no-controls", FLAG, "Run no controls.")] = False
    pixel_subsets: Annotated[
        int | None,
        option(
            CONTROLS,
            "--pixel-subsets",
            "PASSES",
            "Also search for the 5% of each image's pixels that keep the confidence highest, and measure the accuracy "
            f"on them. Passes per image: {FEWEST_CONTROL_PASSES[Control.PIXEL_SUBSETS]} or more, or 0 to let the "
            "server choose.",
        ),
    ] = None
    pixel_subsets_method: Annotated[
        SearchMethod | None,
        option(
            CONTROLS,
            "--pixel-subsets-method",
            "METHOD",
            "How --pixel-subsets searches: mask_optimization (default) or batched_gradient. With batched_gradient the "
            "report also plots how confidence falls as pixels are removed.",
        ),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsOptions:
    """How measures and intervals are computed."""

    level: Annotated[
        float | None,
        option(STATISTICS, "--level", "LEVEL", "Confidence level of every interval, 0.5 to 0.999. Default: 0.95."),
    ] = None
    alpha: Annotated[
        float | None,
        option(
            STATISTICS,
            "--alpha",
            "SHARE",
            "The overinterpretation rate counts subsets of at most this share of the pixels. Default: 0.05.",
        ),
    ] = None


Budget = Annotated[
    str | None,
    option(
        RUN,
        "--budget",
        "TIME",
        "Time for the whole command, upload and start included: 90s, 10m, 1h. Shortly before the end no new image is "
        "started. The result covers the images that are done.",
    ),
]
Stops = Annotated[
    list[str] | None,
    option(
        RUN,
        "--stopping",
        "LIMIT",
        "End the audit as soon as it is certain whether a limit holds: 'MEASURE<=SHARE' or 'MEASURE>=SHARE', such as "
        "'overinterpretation-rate<=0.1' (in quotes, because of the shell). MEASURE is the name of a "
        "share, such as accuracy; a result document lists the names under `measures`. Repeat for several limits: the "
        "audit then ends when one is broken or all hold.",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """On how many images an audit runs, where, and whether a stored result may take its place."""

    sample: Annotated[
        int, option(IMAGES, "--sample", "N", "Audit N images, drawn at random with --seed. With 0, all images.")
    ] = 0
    device: Annotated[str, option(RUN, "--device", "DEVICE", "Where models run: auto, cpu or cuda.")] = "auto"
    no_reuse: Annotated[
        bool, option(RUN, "--no-reuse", FLAG, "Run the audit even if the result of an identical audit is stored.")
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """What a command that runs an audit writes, prints and shows."""

    output: Outputs = None
    as_json: Json = False
    quiet: Quiet = False
