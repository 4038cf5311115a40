"""Files that options name, and that are not there: said with the option, what was expected, and what was meant."""

import difflib
from contextlib import suppress
from pathlib import Path

from modicum.cli.options import ImageOptions, ModelOptions
from modicum.errors import InvalidSource
from modicum.resource_names import printable
from modicum.sources.hub_models import is_hub_model
from modicum.sources.inputs import BUILT_IN

MODEL = "a folder with config.json and model.safetensors, as save_pretrained writes it"
OTHER_MODELS = (
    "Correct the path; or give hf://ORG/NAME@COMMIT for a model of Hugging Face; or, for a registered model, use "
    "modicum audits create --model NAME"
)
WEIGHTS = "a file of weights (.safetensors, .pt, .pth) or a network in ONNX (.onnx)"
CLASS_NAMES = "a text file with the name of a class on each line"
INPUT = f"a .toml file, or one of {', '.join(BUILT_IN)}"
TRUE_LABELS = "a .csv of file,label"
LABEL_NAMES = "a file with names of labels"
BOXES = "a .csv of file,left,top,right,bottom, a .json, or a folder of Pascal VOC files"
IMAGES = "a folder of images, a .csv, an .npz, a .tar or a .parquet"


def refuse_absent_model_files(given: ModelOptions) -> None:
    """Refuse files that do not exist.

    Raises:
        InvalidSource: names the option.
    """
    if given.model is not None and not is_hub_model(given.model):
        _refuse_absent("--model", Path(given.model), MODEL, OTHER_MODELS, what="folder")
    _refuse_absent("--weights", given.weights, WEIGHTS)
    _refuse_absent("--exported", given.exported, "a torch.export program (.pt2)")
    _refuse_absent("--torchscript", given.torchscript, "a TorchScript program")
    _refuse_absent("--class-labels", given.class_labels, CLASS_NAMES)
    if given.input_name is not None and given.input_name.lower().endswith(".toml"):
        _refuse_absent("--input", Path(given.input_name), INPUT)


def refuse_absent_image_files(given: ImageOptions) -> None:
    """Refuse files that do not exist.

    Raises:
        InvalidSource: names the option.
    """
    refuse_absent_label_files("--photo-labels", given.photo_labels, given.label_names)
    _refuse_absent("--boxes", given.boxes, BOXES, what="file or folder")
    _refuse_absent("--masks", given.masks, "a folder of mask images", what="folder")


def refuse_absent_label_files(option: str, labels: Path | None, names: Path | None) -> None:
    """Refuse a file of true labels, or one of the names of labels, that does not exist. `option` names the first.

    Raises:
        InvalidSource: names the option.
    """
    _refuse_absent(option, labels, TRUE_LABELS)
    _refuse_absent("--label-names", names, LABEL_NAMES)


def refuse_absent_images(option: str, path: Path | None) -> None:
    """Refuse a second set of images that does not exist.

    Raises:
        InvalidSource: names the option.
    """
    _refuse_absent(option, path, IMAGES, what="file or folder")


def _refuse_absent(option: str, path: Path | None, expected: str, advice: str = "", *, what: str = "file") -> None:
    if path is None or _exists(path):
        return
    told = printable(str(path))
    if path.is_symlink():
        target = printable(str(path.readlink()))
        raise InvalidSource(f"{option} {told}: is a link to {target}, which does not exist; expected {expected}")
    raise InvalidSource(f"{option} {told}: there is no such {what}; expected {expected}. {advice or _advice(path)}")


def _exists(path: Path) -> bool:
    """Whether there is something of that name, or it is not known; reading it then says what is wrong."""
    try:
        return path.exists()
    except (OSError, ValueError):  # such as a folder that may not be entered, or a NUL in the name
        return True


def _advice(path: Path) -> str:
    """The file beside it whose name is closest, or else what to do."""
    folder = path.parent
    if not folder.is_dir():
        return f"The folder {printable(str(folder))} does not exist either: correct the path, or fetch the file first"
    beside: list[str] = []
    with suppress(OSError):  # a folder that may be entered and not listed
        beside = [one.name for one in folder.iterdir()]
    if close := difflib.get_close_matches(path.name, beside, n=1):
        return f"Did you mean {printable(str(folder / close[0]))}?"
    return "Correct the path, or fetch the file first"
