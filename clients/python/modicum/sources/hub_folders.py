"""A folder of Hugging Face: a model as `save_pretrained` of transformers or `save_for_hf` of timm writes it.

Its configuration is read as plain JSON with bounds. Nothing of it is run, and no library of models is imported: only
the server builds the model, in the model's process.
"""

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from modicum.errors import InvalidArgument, ModelFolderRefused
from modicum.resource_names import NOT_PLAIN, printable
from modicum.sources.configurations import (
    MOST_CLASSES,
    ConfigurationRefused,
    check_configuration,
    read_configuration,
)
from modicum.sources.contents import Content
from modicum.sources.folder_json import json_object, there_is
from modicum.sources.hub_inputs import timm_input
from modicum.sources.hub_values import InputUnknown
from modicum.sources.hub_weights import WEIGHTS, refuse_without_weights, weights_of
from modicum.sources.inputs import InputSpecification
from modicum.sources.network_sizes import NetworkSize, fitting_input, network_size

CONFIGURATION = "config.json"
PREPROCESSOR = "preprocessor_config.json"
#: Since transformers 5, models with a processor of several parts keep that of images here.
PROCESSOR = "processor_config.json"
LONGEST_NAME = 256
UNNAMED = "LABEL_"
TASK = "ForImageClassification"
TRANSFORMERS = "transformers:"
COUNT = "num_labels"
OTHER_WEIGHTS = "transformers_weights"
OTHER_LABELS = "or give the names of all classes with --class-labels FILE"
MOST_MISSING = 3
PROBLEMS = (None, "single_label_classification")
#: Keys of a config.json that say nothing of what is built.
LEFT_OUT = frozenset(
    {
        "_attn_implementation_autoset",
        "_commit_hash",
        "_name_or_path",
        "dtype",
        "finetuning_task",
        "id2label",
        "label2id",
        "num_labels",
        "problem_type",
        "task_specific_params",
        "torch_dtype",
        "transformers_version",
    }
)


@dataclass(frozen=True, slots=True)
class HubFolder:
    """What a folder says of its model. `input` is None if it is not known, and `input_unknown` then says why.

    `input_file` is the name of the file that says it. `labels_unknown` says why the names of the classes cannot be
    taken; it is empty if they can, or if there are none. `network` is the size of pictures that the network takes, if
    its configuration says so.
    """

    path: Path
    architecture: str
    configuration: str
    input: InputSpecification | None
    input_unknown: str
    input_file: str
    labels: tuple[str, ...]
    labels_unknown: str = ""
    network: NetworkSize | None = None

    def required_labels(self) -> tuple[str, ...]:
        """The names of the classes; none if the folder has none.

        Raises:
            ModelFolderRefused: those in the folder cannot be taken.
        """
        if self.labels_unknown:
            raise ModelFolderRefused(self.labels_unknown)
        return self.labels

    def configuration_for(self, labels: Sequence[str]) -> str:
        """The configuration for a head with these classes; as the folder says it if no names are given."""
        if not labels or not self.architecture.startswith(TRANSFORMERS):
            return self.configuration
        return _text({**json.loads(self.configuration), COUNT: len(labels)})

    def required_input(self) -> InputSpecification:
        """The input specification.

        Raises:
            ModelFolderRefused: it is not known, or not one that can be followed.
        """
        if self.input is None:
            raise ModelFolderRefused(self.input_unknown)
        return self.input

    def weights(self) -> Content:
        """The weights: those of one file as they are, or those of several as one.

        Raises:
            ModelFolderRefused: a file is missing or damaged, or changed since it was looked for.
        """
        return weights_of(self.path)


def is_hub_folder(path: Path) -> bool:
    """Whether a path is a folder with a config.json, of whatever kind.

    Raises:
        ModelFolderRefused: it cannot be looked into.
    """
    return there_is(path / CONFIGURATION)


def hub_folder(path: Path) -> HubFolder:
    """Read a folder. Of its weights only the headers are read: whether the files are whole.

    Raises:
        InvalidArgument: the path is no folder with a config.json.
        ModelFolderRefused: a file is missing, damaged or out of bounds, or would load code.
    """
    if not is_hub_folder(path):
        raise _other_path(path)
    values = json_object(path / CONFIGURATION)
    refuse_without_weights(path)
    if "architecture" in values:
        return _timm_folder(path, values)
    if "model_type" in values:
        return _transformers_folder(path, values)
    raise ModelFolderRefused(
        f"{path / CONFIGURATION}: expected `model_type` (transformers) or `architecture` (timm). For weights alone, "
        "use --weights and --architecture"
    )


def _other_path(path: Path) -> InvalidArgument:
    if path.is_file():
        return InvalidArgument(f"model {path}: expected a folder, got a file; give it as {way_of_file(path)}")
    if not path.is_dir():
        return InvalidArgument(
            f"model {path}: there is no such folder; expected a folder with {CONFIGURATION} and {WEIGHTS}, as "
            "save_pretrained writes it. Correct the path, or audit a registered model by its name"
        )
    return InvalidArgument(
        f"model {path}: expected {CONFIGURATION}, as save_pretrained of transformers or save_for_hf of timm "
        "writes it. For weights alone, use --weights and --architecture"
    )


def way_of_file(path: Path) -> str:
    """The option for a file that was given as a folder."""
    ways = {".onnx": "--weights {}", ".pt2": "--exported {}"}
    way = ways.get(path.suffix.lower(), "--weights {} with --architecture FAMILY:NAME")
    return way.format(shlex.quote(printable(str(path))))


def _transformers_folder(path: Path, values: Mapping[str, Any]) -> HubFolder:
    where = path / CONFIGURATION
    _refuse_other_task(where, values)
    kind = values["model_type"]
    if kind == "timm_wrapper":
        raise ModelFolderRefused(
            f"{where}: a timm model inside transformers; save the timm model itself with save_for_hf"
        )
    _refuse_other_weights(where, values.get(OTHER_WEIGHTS))
    labels, labels_unknown = _or_why(_labels, where, values.get("id2label"))
    kept = {key: value for key, value in values.items() if key not in LEFT_OUT}
    count = len(labels) or (1 if labels_unknown else _class_count(where, values))
    configuration = _plain(where, {**kept, COUNT: count})
    channels = values.get("num_channels", 3)
    if not isinstance(channels, int):
        raise ModelFolderRefused(f"{where}: num_channels: expected a whole number, got {printable(str(channels)[:64])}")
    network, architecture = network_size(values), f"{TRANSFORMERS}{kind}"
    given, unknown, file = _transformers_input(path, channels, network)
    return HubFolder(path, architecture, configuration, given, unknown, file, _told(labels), labels_unknown, network)


def _refuse_other_weights(where: Path, named: object) -> None:
    """Refuse a configuration that names the file of its weights: transformers then reads that file alone."""
    if named is not None and named != WEIGHTS:
        raise ModelFolderRefused(
            f"{where}: {OTHER_WEIGHTS} names {printable(str(named)[:64])}, but only {WEIGHTS} is read. Save the model "
            f"again with save_pretrained, or rename that file to {WEIGHTS} and remove the field"
        )


def _refuse_other_task(where: Path, values: Mapping[str, Any]) -> None:
    named = values.get("architectures")
    names = named if isinstance(named, list) and all(isinstance(one, str) for one in named) else []
    if values.get("auto_map"):
        _plain(where, {"auto_map": values["auto_map"]})
    if named is None:
        raise ModelFolderRefused(
            f"{where}: `architectures` is missing; it names the class of the model that was saved. If that was an "
            f'image classifier, add it, such as "architectures": ["ViT{TASK}"], or save the model again with '
            "save_pretrained"
        )
    if len(names) > 1:
        raise ModelFolderRefused(
            f"{where}: expected `architectures` to name the one class that was saved; it names {len(names)}: "
            f"{printable(', '.join(names)[:64])}. Keep only the name of the image classifier"
        )
    if not isinstance(values["model_type"], str) or not names or TASK not in names[0]:
        came = printable(", ".join(names)[:64]) or "none"
        raise ModelFolderRefused(
            f"{where}: expected an image classifier (architectures: one name with {TASK}), got {came}. Train a head "
            "for classes first, and save that model"
        )
    if values.get("problem_type") not in PROBLEMS:
        raise ModelFolderRefused(
            f"{where}: problem_type is {printable(str(values['problem_type'])[:64])}, but an audit needs a model that "
            "chooses one class for each picture. Train it so, or, if it was, remove problem_type from the file"
        )


def _transformers_input(
    path: Path, channels: int, network: NetworkSize | None
) -> tuple[InputSpecification | None, str, str]:
    """The input specification, or why it is not known, and the name of the file that says it."""
    where, values = _processor_file(path)
    if where is None:
        missing = (
            f"{path}: {PREPROCESSOR} is missing; it says how pictures are resized and normalised. Save the image "
            "processor beside the model, or give --input: a built-in name or a file"
        )
        return None, missing, ""
    try:
        return fitting_input(values, channels, network), "", where.name
    except InputUnknown as error:
        return None, f"{where}: {error}", where.name


def _processor_file(path: Path) -> tuple[Path | None, Any]:
    """The file with the image processor, and the processor in it: that of several parts first, as transformers reads.

    Raises:
        ModelFolderRefused: a file is not JSON.
    """
    several, alone = path / PROCESSOR, path / PREPROCESSOR
    values = json_object(several).get("image_processor") if several.is_file() else None
    if values is None and alone.is_file():
        return alone, json_object(alone)
    return (several if several.is_file() else None), values


def _timm_folder(path: Path, values: Mapping[str, Any]) -> HubFolder:
    where = path / CONFIGURATION
    own = values.get("pretrained_cfg", values)  # files of older releases have no level of their own
    arguments = values.get("model_args") or {}
    if not isinstance(values["architecture"], str) or not isinstance(own, Mapping) or not isinstance(arguments, dict):
        raise ModelFolderRefused(
            f"{where}: expected a config.json as save_for_hf of timm writes it; save the model again"
        )
    given, unknown = None, ""
    try:
        given = timm_input(own)
    except InputUnknown as error:
        unknown = f"{where}: {error}"
    configuration = _plain(where, arguments) if arguments else ""
    labels, labels_unknown = _or_why(_timm_labels, where, values.get("label_names") or own.get("label_names"))
    return HubFolder(
        path,
        f"timm:{values['architecture']}",
        configuration,
        given,
        unknown,
        CONFIGURATION,
        _told(labels),
        labels_unknown,
    )


def _or_why(read: Callable[[Path, Any], list[str]], where: Path, names: Any) -> tuple[list[str], str]:
    """The names of the classes, or why they cannot be taken: other names can be given in their place."""
    try:
        return read(where, names), ""
    except ModelFolderRefused as error:
        return [], f"{error}, {OTHER_LABELS}"


def _timm_labels(where: Path, names: Any) -> list[str]:
    if names is None:
        return []
    if not isinstance(names, list):
        raise ModelFolderRefused(f"{where}: label_names: expected a list of names; correct it")
    _refuse_unusable_names(f"{where}: label_names", names)
    return names


def _refuse_unusable_names(where: str, names: Sequence[Any]) -> None:
    """Refuse names of classes that a server would refuse.

    Raises:
        ModelFolderRefused
    """
    for number, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            raise ModelFolderRefused(f"{where}: expected names, got an empty one or another value; correct it")
        if len(name) > LONGEST_NAME or NOT_PLAIN.search(name):
            raise ModelFolderRefused(
                f"{where}: class {number}: expected at most {LONGEST_NAME} characters without control characters, got "
                f"{printable(name[:64])}; correct it"
            )


def _labels(where: Path, given: Any) -> list[str]:
    """The names in `id2label`, by their numbers; empty without."""
    if given is None:
        return []
    if isinstance(given, dict) and len(given) > MOST_CLASSES:
        raise ModelFolderRefused(
            f"{where}: id2label: expected at most {MOST_CLASSES:,} classes, got {len(given):,}; correct it"
        )
    numbered = _numbered(given)
    if isinstance(numbered, str):
        raise ModelFolderRefused(
            f"{where}: id2label: expected a name for each class from 0 on, got {numbered}; correct it"
        )
    ordered = [numbered[number] for number in range(len(numbered))]
    _refuse_unusable_names(f"{where}: id2label", ordered)
    return ordered


def _numbered(given: Any) -> dict[int, Any] | str:
    """The names by their numbers from 0 on without a gap, or what came instead."""
    if not isinstance(given, dict) or not given:
        return "something else" if given else "none"
    try:
        numbered = {int(number): name for number, name in given.items()}
    except ValueError:
        return "other keys than numbers"
    missing = [number for number in range(len(numbered)) if number not in numbered]
    if missing:
        listed = ", ".join(map(str, missing[:MOST_MISSING]))
        count = "1 name" if len(numbered) == 1 else f"{len(numbered)} names"
        return f"{count}, none of them for {listed}" + (" and others" if len(missing) > MOST_MISSING else "")
    return numbered if len(numbered) == len(given) else "two names for one class"


def _class_count(where: Path, values: Mapping[str, Any]) -> int:
    """The count where there are no names. Without one, transformers takes two classes."""
    count = values.get("num_labels", 2)
    if not isinstance(count, int) or isinstance(count, bool) or not 0 < count <= MOST_CLASSES:
        raise ModelFolderRefused(
            f"{where}: num_labels: expected 1 to {MOST_CLASSES:,}, got {printable(str(count)[:64])}"
        )
    return count


def _told(labels: Sequence[str]) -> tuple[str, ...]:
    """The names, none if they are placeholders. Equal ones get their numbers: two classes of ImageNet are `crane`."""
    names = [name.strip() for name in labels]
    if all(name == f"{UNNAMED}{number}" for number, name in enumerate(names)):
        return ()
    equal = {name for name in names if names.count(name) > 1} if len(set(names)) < len(names) else set()
    return tuple(f"{name} ({number})" if name in equal else name for number, name in enumerate(names))


def _plain(where: Path, values: Mapping[str, Any]) -> str:
    """The configuration as JSON text, checked by the rules of the server.

    Raises:
        ModelFolderRefused
    """
    try:
        check_configuration(values)
        text = _text(values)
        read_configuration(text)
    except ConfigurationRefused as error:
        raise ModelFolderRefused(f"{where}: {error}") from error
    return text


def _text(values: Mapping[str, Any]) -> str:
    return json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
