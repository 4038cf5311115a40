"""The file or folder that holds a model, and its architecture. Nothing is loaded: only the server does that."""

import os.path
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from modicum.arguments import checked_path
from modicum.errors import InvalidArgument, InvalidSource, ModelFolderRefused, ModelRejected
from modicum.resource_names import printable
from modicum.sources.architectures import is_architecture
from modicum.sources.contents import BLOCK_BYTES, Content, file_content, require_file
from modicum.sources.file_forms import refuse_other_form, refuse_other_kind, refuse_other_weights
from modicum.sources.foreign_models import refuse_foreign
from modicum.sources.hub_folders import CONFIGURATION, HubFolder, hub_folder, is_hub_folder
from modicum.sources.hub_models import fetched, hub_name, is_hub_model
from modicum.sources.inputs import EXPECTED_INPUT, InputSpecification, input_specification
from modicum.sources.labels import class_names
from modicum.sources.lfs import is_pointer, pointer_text

#: A network in ONNX, which holds its architecture and its weights.
ONNX_SUFFIX, ONNX_ARCHITECTURE = ".onnx", "onnx:model"
PROGRAM_SUFFIX = ".pt2"
#: Names that `save_pretrained` gives to weights.
OF_A_FOLDER = ("model.safetensors", "model-*-of-*.safetensors")


@dataclass(frozen=True, slots=True)
class ModelFile:
    """What holds a model. `kind` is weights, exported or torchscript. Only weights have an architecture.

    `folder` is the folder of Hugging Face that the weights lie in, if they do; `uri` names it on the hub from which it
    was fetched.
    """

    path: Path
    kind: str
    architecture: str
    folder: HubFolder | None = None
    uri: str = ""

    def __str__(self) -> str:
        return self.uri or str(self.path)

    @property
    def name(self) -> str:
        """What to call the model, where nobody says it."""
        if self.uri:
            return hub_name(self.uri)
        return self.path.resolve().name if self.folder else self.path.stem

    def configuration_for(self, labels: Sequence[str]) -> str:
        """What the architecture is built from beside its name, for classes of these names: JSON text, or empty."""
        return self.folder.configuration_for(labels) if self.folder else ""

    def content(self) -> Content:
        """Its bytes, which are hashed.

        Raises:
            InvalidSource: a file cannot be read.
        """
        return self.folder.weights() if self.folder else file_content(self.path)

    def input(self, given: str | Path | InputSpecification | None) -> InputSpecification:
        """The input specification: the given one, or that of the folder.

        Raises:
            InvalidArgument: the given one is not valid or of another size than the network takes, or none is given for
                a model that is not a folder.
            ModelFolderRefused: none is given, and that of the folder cannot be followed.
        """
        if given is not None:
            return self._given_input(given)
        if self.folder is None:
            raise InvalidArgument(
                f"input: expected {EXPECTED_INPUT}, because {self.path.name} does not say how its images are "
                "prepared; name the input that the model was trained with",
                reason="INPUT_MISSING",
            )
        return self.folder.required_input()

    def _given_input(self, given: str | Path | InputSpecification) -> InputSpecification:
        specification = input_specification(given)
        if self.folder is not None and self.folder.network is not None:
            self.folder.network.refuse_other(specification, self.folder.path / CONFIGURATION)
        return specification

    def labels(self, given: str | Path | Sequence[str] | None) -> tuple[str, ...]:
        """The names of the classes: the given ones, or else those of the folder.

        Raises:
            InvalidSource: the given ones are not valid.
            ModelFolderRefused: none are given, and those of the folder cannot be taken; or the given ones are those of
                the folder in another order.
        """
        if self.folder is None:
            return class_names(given)
        if given is None:
            return self.folder.required_labels()
        names = class_names(given)
        _refuse_reordered(names, self.folder)
        return names


def _refuse_reordered(names: Sequence[str], folder: HubFolder) -> None:
    """Refuse class names that are those of the folder in another order, naming where the two differ first."""
    if sorted(names) != sorted(folder.labels):
        return
    for output, (given, own) in enumerate(zip(names, folder.labels, strict=True)):
        if given != own:
            raise ModelFolderRefused(
                f"--class-labels has the class names of {folder.path} in another order: output {output} is "
                f"{printable(given)} there and {printable(own)} in the folder. Leave out --class-labels; if the folder "
                f"is wrong, correct its {CONFIGURATION}"
            )


def model_file(
    *,
    model: str | Path | None = None,
    weights: str | Path | None = None,
    exported: str | Path | None = None,
    torchscript: str | Path | None = None,
    architecture: str | None = None,
) -> ModelFile:
    """The file or folder that is given.

    Raises:
        InvalidArgument: not exactly one is given, the architecture is missing, superfluous or of another form, or the
            model is of a library whose models cannot be read.
        InvalidSource: it cannot be read, is empty, cut off, not of the form that its suffix says, or a pointer of Git
            LFS.
        ModelRejected: a file of ONNX has its weights in a file beside it.
        HubError, NotFound, PermissionDenied, DataLoss: it cannot be fetched from its hub.
    """
    given = {"model": model, "weights": weights, "exported": exported, "torchscript": torchscript}
    files = {kind: path for kind, path in given.items() if path is not None}
    if len(files) != 1:
        came = f"got {' and '.join(files)}" if files else "got none"
        raise InvalidArgument(
            "expected a model: one of model (a folder, or hf://ORG/NAME@COMMIT), weights, exported (.pt2), "
            f"torchscript and endpoint; {came}"
        )
    kind, path = files.popitem()
    checked_path(path, kind, "save the model first, such as torch.save(model.state_dict(), 'weights.pt')")
    refuse_foreign(Path(path))
    if kind == "model":
        return _in_folder(path, architecture)
    if kind == "weights" and Path(path).suffix.lower() == ONNX_SUFFIX:
        architecture = _onnx_architecture(architecture)
    if kind == "weights":
        _refuse_other_arguments(Path(path), architecture or "")
    if kind == "weights" and not architecture:
        raise InvalidArgument(
            f"{path}: weights need the name of their architecture; give --architecture FAMILY:NAME, such as "
            "torchvision:resnet18"
        )
    if kind == "weights" and not is_architecture(architecture or ""):
        raise InvalidArgument(
            f"architecture: expected FAMILY:NAME, such as torchvision:resnet18; got {printable(architecture or '')!r}"
        )
    if kind != "weights" and architecture:
        raise InvalidArgument(f"architecture: only weights take one; remove it, or give weights instead of {kind}")
    _refuse_unreadable(Path(path), kind)
    if architecture == ONNX_ARCHITECTURE:
        _refuse_weights_beside(Path(path))
    return ModelFile(Path(path), kind, architecture or "")


def _refuse_other_arguments(path: Path, architecture: str) -> None:
    """Refuse a folder, a program of torch.export, and weights beside a configuration that says how to build them.

    Raises:
        InvalidArgument
        InvalidSource: it is empty, a pointer of Git LFS, or not of a form that can be read.
    """
    if os.path.isdir(path):  # noqa: PTH112  (no name is too long for it)
        raise InvalidArgument(f"--weights {path}: expected a file, got a folder. {_way_of_folder(path)}")
    if path.suffix.lower() == PROGRAM_SUFFIX:
        raise InvalidArgument(f"--weights {path}: got a program of torch.export; give --exported {path}")
    if not os.path.isfile(path):  # noqa: PTH113
        return
    needs_configuration = not architecture or architecture.startswith("transformers:")
    if needs_configuration and any(map(path.match, OF_A_FOLDER)) and is_hub_folder(path.parent):
        raise InvalidArgument(
            f"--weights {path}: got the weights of a folder of Hugging Face, which has {CONFIGURATION}; give --model "
            f"{path.parent}"
        )
    if not architecture:
        _refuse_unreadable(path, "weights")


def _way_of_folder(path: Path) -> str:
    if is_hub_folder(path):
        return f"It has {CONFIGURATION}; give --model {path}"
    return "Give one file of it: weights (.safetensors, .pt, .pth) with --architecture, or a network (.onnx)"


def _onnx_architecture(given: str | None) -> str:
    if given not in {None, "", ONNX_ARCHITECTURE}:
        raise InvalidArgument(
            f"architecture: a file of ONNX contains its architecture; remove the option, or give weights; got {given!r}"
        )
    return ONNX_ARCHITECTURE


def _refuse_weights_beside(path: Path) -> None:
    """Refuse a file of ONNX that names the file beside it which exporters put weights into. It would lie here alone.

    Raises:
        ModelRejected
    """
    beside = [path.with_name(name) for name in (f"{path.name}.data", f"{path.name}_data", f"{path.stem}.data")]
    for data in (one for one in beside if one.is_file()):
        if _mentions(path, data.name.encode()):
            raise ModelRejected(
                f"{path}: expected all weights within the file, but some lie in {data.name}, which is not read. Put "
                f"them into one file: python -c \"import onnx; onnx.save(onnx.load('{path}'), 'whole.onnx')\", "
                "or torch.onnx.export(..., external_data=False)",
                reason="ONNX_REFUSED",
            )


def _mentions(path: Path, words: bytes) -> bool:
    with path.open("rb") as stream:
        kept = b""
        while block := stream.read(BLOCK_BYTES):
            if words in kept + block:
                return True
            kept = block[-len(words) :]
    return False


def _in_folder(given: str | Path, architecture: str | None) -> ModelFile:
    if architecture:
        raise InvalidArgument(
            "architecture: the model's folder names its architecture; remove the option, or give weights"
        )
    uri = str(given) if is_hub_model(given) else ""
    folder = hub_folder(fetched(uri) if uri else Path(given))
    return ModelFile(folder.path, "weights", folder.architecture, folder, uri)


def _refuse_unreadable(path: Path, kind: str) -> None:
    require_file(path)
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise InvalidSource(f"{kind} {path}: cannot be read: {error.strerror}") from error
    if empty:
        raise InvalidSource(f"{kind} {path}: the file is empty; expected a model")
    if is_pointer(path):
        raise InvalidSource(f"{kind} {pointer_text(path, 'the weights')}")
    refuse_other_kind(path, kind)
    refuse_other_form(path)
    if kind == "weights":
        refuse_other_weights(path)
