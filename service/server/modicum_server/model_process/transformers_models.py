"""Image classifiers of Hugging Face's transformers, from a configuration of plain values and weights.

The class comes from the library's own table of image classifiers, so nothing is downloaded and no code of the model
runs. The library puts the weights into the module itself, because it renames keys between its releases.
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, TypeVar

import torch
from modicum_sis.numerics.out_of_memory import is_out_of_memory
from torch import Tensor, nn

from modicum_server.model_process.failure_reasons import ModelRefused, extra_of, first_line, package_missing
from modicum_server.model_process.weights import refuse_changed

GROUP = "transformers"
EXTRA_NUMBERS = 1.05
"""A module may have this many times the numbers of its weights: shared ones are saved once, some are computed."""
FEW_NUMBERS = 100_000
NAMED_KEYS = 3
BUILT_ELSEWHERE = frozenset({"timm_wrapper"})
"""Types that are built by another library, by a name that this process does not check."""

OUTPUT_KEYS = frozenset({"output_attentions", "output_hidden_states", "return_dict"})
"""What changes the form of the outputs, and not the logits."""

LOGITS_OF_PP_LCNET = "last_hidden_state"
"""PP-LCNet returns its logits under this name, and none called `logits`."""

log = logging.getLogger(__name__)
T = TypeVar("T")


class LogitsModule(nn.Module):
    """A classifier of transformers as a plain module: images (N, C, H, W) to logits (N, classes)."""

    def __init__(self, classifier: nn.Module) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        output = self.classifier(pixel_values=images, return_dict=True)
        logits: Tensor = output["logits" if "logits" in output else LOGITS_OF_PP_LCNET]
        return logits


def load_classifier(kind: str, configuration: Mapping[str, Any], weights: Mapping[str, Tensor]) -> nn.Module:
    """Build the classifier of this `model_type`, and put the weights into it. All of them must fit.

    Raises:
        ModelRefused: ARCHITECTURE_UNKNOWN, CONFIGURATION_REFUSED or STATE_DICT_MISMATCH.
        TaskFailure: ARCHITECTURE_UNAVAILABLE when transformers is not installed here.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about its own old names
        cls, own = _class_and_configuration(kind, configuration)
        _refuse_others(kind, cls, own, weights)
        return LogitsModule(_filled(kind, cls, own, weights))


def known_types() -> list[str]:
    """Return the types of image classifiers that can be built here.

    Raises:
        ImportError: transformers is not installed.
    """
    from transformers.models.auto import modeling_auto  # noqa: PLC0415  seconds, and an extra

    return sorted(set(modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES) - BUILT_ELSEWHERE)


def _class_and_configuration(kind: str, configuration: Mapping[str, Any]) -> tuple[Any, Any]:
    try:
        known = known_types()
        from transformers.models.auto import configuration_auto, modeling_auto  # noqa: PLC0415  seconds, and an extra
        from transformers.utils import logging as their_logging  # noqa: PLC0415
    except ImportError as error:
        raise package_missing(f"architectures {GROUP}:TYPE", error, usual=GROUP, extra=extra_of(GROUP)) from error
    their_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    their_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    if kind not in known:
        raise ModelRefused(
            "ARCHITECTURE_UNKNOWN",
            f"transformers has no image classifier of the type {kind} here; it has {', '.join(known)}. Use a worker "
            "with a newer transformers, or export the model (--exported)",
        )
    plain = {key: value for key, value in configuration.items() if key not in OUTPUT_KEYS}
    own = _built(kind, partial(configuration_auto.CONFIG_MAPPING[kind].from_dict, plain))
    found: Any = modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING[type(own)]
    classes = {one.__name__: one for one in (found if isinstance(found, tuple) else (found,))}
    named = (own.architectures or [""])[0]
    if named not in classes:
        raise ModelRefused(
            "CONFIGURATION_REFUSED",
            f"expected `architectures` to name {' or '.join(classes)}, got {named or 'nothing'}. Save the image "
            "classifier itself with save_pretrained",
        )
    return classes[named], own


def _built(kind: str, build: Callable[[], T]) -> T:
    """Build by the library, whose errors are about the configuration.

    Raises:
        ModelRefused: CONFIGURATION_REFUSED.
    """
    try:
        return build()
    except Exception as error:
        if is_out_of_memory(error):
            raise
        log.exception("a %s could not be built from its configuration", kind)
        raise ModelRefused(
            "CONFIGURATION_REFUSED",
            f"transformers cannot build a {kind} from this config.json{first_line(error)}. Save the model again with "
            "save_pretrained, or use a worker with the release of transformers that saved it",
        ) from error


def _refuse_others(kind: str, cls: Any, own: Any, weights: Mapping[str, Tensor]) -> None:
    """Refuse weights of fewer or other numbers than the configuration describes, before any memory is taken for them.

    Raises:
        ModelRefused: STATE_DICT_MISMATCH.
    """
    with torch.device("meta"):
        module = _built(kind, lambda: cls(own))
    expected = module.state_dict()
    described = sum(tensor.numel() for tensor in expected.values())
    given = sum(tensor.numel() for tensor in weights.values())
    if described > given * EXTRA_NUMBERS + FEW_NUMBERS:
        raise ModelRefused(
            "STATE_DICT_MISMATCH",
            f"config.json describes a model of {described:,} numbers, but the weights hold {given:,}. Give the "
            "config.json that was saved with these weights",
        )
    refuse_changed(_by_given_keys(expected, weights), weights, f"{GROUP}:{kind}")


def _by_given_keys(expected: Mapping[str, Tensor], given: Iterable[str]) -> dict[str, Tensor]:
    """The expected tensor of each key, or one of the same last name: the library renames keys between its releases."""
    by_end = {_end(key): tensor for key, tensor in expected.items()}
    found = {key: expected.get(key, by_end.get(_end(key))) for key in given}
    return {key: tensor for key, tensor in found.items() if tensor is not None}


def _end(key: str) -> str:
    return key.rpartition(".")[2]


def _filled(kind: str, cls: Any, own: Any, weights: Mapping[str, Tensor]) -> nn.Module:
    try:
        module, found = cls.from_pretrained(
            None,
            config=own,
            state_dict=dict(weights),
            dtype=torch.float32,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are listed, and refused below
        )
    except RuntimeError as error:
        if is_out_of_memory(error):
            raise
        log.exception("the weights of a %s could not be loaded", kind)
        raise ModelRefused(
            "STATE_DICT_MISMATCH", f"the weights do not fit config.json{first_line(error)}. {_SAME}"
        ) from error
    _refuse_other_classes(found, own.num_labels)
    complaints = [
        _named("missing", found["missing_keys"]),
        _named("unexpected", found["unexpected_keys"]),
        _named("of another shape", [_shapes(*mismatch) for mismatch in found["mismatched_keys"]]),
    ]
    if any(complaints):
        way = _UNUSED if found["unexpected_keys"] and not (complaints[0] or complaints[2]) else _SAME
        raise ModelRefused(
            "STATE_DICT_MISMATCH", f"the weights do not fit config.json: {'; '.join(filter(None, complaints))}. {way}"
        )
    classifier: nn.Module = module
    return classifier


_UNUSED = (
    "Transformers would ignore these tensors. If the model does not need them, load it there and save it again with "
    "save_pretrained, which leaves them out. If it does, correct config.json"
)
_SAME = (
    "Config.json describes another model than these weights: correct what was changed in it, or give the config.json "
    "and the weights of one save_pretrained"
)


def _refuse_other_classes(found: Mapping[str, Any], classes: int) -> None:
    """Refuse weights that differ from the configuration in the number of classes alone.

    Raises:
        ModelRefused: STATE_DICT_MISMATCH.
    """
    mismatches = sorted((str(key), tuple(given), tuple(built)) for key, given, built in found["mismatched_keys"])
    rows = {given[:1] for _, given, _ in mismatches}
    of_the_head = all(built == (classes, *given[1:]) for _, given, built in mismatches)
    others = found["missing_keys"] or found["unexpected_keys"]
    if others or len(rows) != 1 or () in rows or not of_the_head:
        return
    key, given, _ = mismatches[-1]
    raise ModelRefused(
        "STATE_DICT_MISMATCH",
        f"the head of the weights has {given[0]} classes ({key} has {given[0]} rows), but the version names {classes}, "
        f"in config.json or as its class labels. Give the {given[0]} names from the training, in the order of the "
        "outputs: correct id2label in config.json, or give them with --class-labels",
    )


def _shapes(key: Any, given: Any, built: Any) -> str:
    return f"{key} (the weights {tuple(given)}, config.json {tuple(built)})"


def _named(what: str, keys: Iterable[str]) -> str:
    listed = sorted(keys)
    rest = f" and {len(listed) - NAMED_KEYS} more" if len(listed) > NAMED_KEYS else ""
    return f"{what} {', '.join(listed[:NAMED_KEYS])}{rest}" if listed else ""
