"""Networks in ONNX, which are data: a graph of operators of the standard, and its weights.

The graph is looked at first, and refused where it would read another file or needs code that is not onnxruntime's own.
onnxruntime computes it on the CPU, forward only: the module has no gradient.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from modicum_sis.numerics.out_of_memory import is_out_of_memory
from torch import Tensor, nn

from modicum_server.domain.models import InputSpecification
from modicum_server.model_process.failure_reasons import ModelRefused, extra_of, first_line, package_missing
from modicum_server.model_process.onnx_load_failures import cause_of, cure_of

GROUP, NAME = "onnx", "model"
"""The architecture of every ONNX file is `onnx:model`, because the file says the rest."""
STANDARD = frozenset({"", "ai.onnx"})
"""Domains of operators of the standard. Those of others may load files or libraries."""
RUNTIMES = ("ai.onnx", "com.microsoft", "com.ms", "org.pytorch")
"""Beginnings of domains whose operators onnxruntime has itself: it runs these, not a function of the same name."""
AXES = ("images", "channels", "height", "width")
TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
SCORE_TYPES = frozenset({*TYPES, "tensor(double)"})
PASSED_ON = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators that give the values of their input in another type or shape."""
KEEPS_RANGE = PASSED_ON | {"Clip", "DequantizeLinear", "Dropout", "QuantizeLinear", "Transpose"}
"""Operators after which probabilities are probabilities still."""
SCALING = frozenset({"Div", "Mul"})
PROBABILITIES = frozenset({"HardSigmoid", "Sigmoid", "Softmax"})
ONE_CLASS = "ArgMax"
WHOLE = "onnx.save(onnx.load('model.onnx'), 'whole.onnx')"

log = logging.getLogger(__name__)
T = TypeVar("T")


class OnnxModule(nn.Module):
    """A session of onnxruntime as a module: images (N, C, H, W) to class scores (N, K), without a gradient.

    `channels_last`: the network itself takes (N, H, W, C), as those of TensorFlow do. `probabilities_by`: the operator
    at its end that makes probabilities, scaled or not; empty if there is none.
    """

    def __init__(self, session: Any, *, channels_last: bool, probabilities_by: str = "") -> None:
        super().__init__()
        self.probabilities_by = probabilities_by
        self._session, self._channels_last = session, channels_last
        (taken,), (made,) = session.get_inputs(), session.get_outputs()
        self._input, self._output, self._type = taken.name, made.name, TYPES[taken.type]
        self._one_by_one = taken.shape[0] == 1

    def forward(self, images: Tensor) -> Tensor:
        """Class scores, computed on the CPU."""
        ordered = images.permute(0, 2, 3, 1) if self._channels_last else images
        values = np.ascontiguousarray(ordered.detach().cpu().numpy().astype(self._type))
        parts = np.split(values, len(values)) if self._one_by_one and len(values) > 1 else [values]
        scores = np.concatenate([self._scores(part) for part in parts])
        return torch.from_numpy(scores).to(device=images.device, dtype=images.dtype)

    def _scores(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        try:
            (scores,) = self._session.run([self._output], {self._input: values})
        except Exception as error:  # onnxruntime's own errors have no common class
            raise _as_runtime_error(error) from error
        return np.asarray(scores)


def load_network(name: str, path: Path, specification: InputSpecification | None) -> nn.Module:
    """Load the network of a file that takes images of this specification.

    Raises:
        ModelRefused: ARCHITECTURE_UNKNOWN, ONNX_REFUSED, WEIGHTS_UNREADABLE or INPUT_REFUSED.
        TaskFailure: ARCHITECTURE_UNAVAILABLE where onnx or onnxruntime is not installed.
    """
    if name != NAME:
        raise ModelRefused("ARCHITECTURE_UNKNOWN", f"expected {GROUP}:{NAME} for a file of ONNX, got {GROUP}:{name}")
    try:
        import onnx  # noqa: PLC0415  an extra
        import onnxruntime  # noqa: PLC0415
    except ImportError as error:
        raise package_missing("files of ONNX", error, usual=GROUP, extra=extra_of(GROUP)) from error
    data = path.read_bytes()
    model = _parsed(lambda: onnx.load_model_from_string(data))
    _refuse_beyond_the_file(model)
    _refuse_float64(model, onnx.TensorProto.DOUBLE)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = _loaded(lambda: onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]))
    _refuse_other_form(session, specification)
    _refuse_other_scores(session, model)
    return OnnxModule(
        session,
        channels_last=_is_channels_last(session.get_inputs()[0].shape, specification),
        probabilities_by=_probabilities_by(model, session.get_outputs()[0].name),
    )


def _as_runtime_error(error: Exception) -> RuntimeError:
    return error if isinstance(error, RuntimeError) else RuntimeError(str(error))


def _parsed(read: Callable[[], T]) -> T:
    """Return the graph of a file. Raises ModelRefused: WEIGHTS_UNREADABLE."""
    try:
        return read()
    except Exception as error:  # protobuf raises many kinds
        _raise_if_out_of_memory(error)
        log.exception("a file of ONNX could not be read")
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            f"expected a network in ONNX; the file cannot be read{first_line(error)}. Give the file as "
            "torch.onnx.export or onnx.save wrote it",
        ) from error


def _loaded(load: Callable[[], T]) -> T:
    """Return the session of a graph. Raises ModelRefused: WEIGHTS_UNREADABLE."""
    try:
        return load()
    except Exception as error:  # onnxruntime's own errors have no common class
        _raise_if_out_of_memory(error)
        log.exception("a file of ONNX could not be loaded")
        raise ModelRefused(
            "WEIGHTS_UNREADABLE",
            f"expected a network that onnxruntime can load; it says: {cause_of(error)}. {cure_of(error)}",
        ) from error


def _raise_if_out_of_memory(error: Exception) -> None:
    if isinstance(error, MemoryError):
        raise error
    if is_out_of_memory(plain := _as_runtime_error(error)):
        raise plain from error


def _refuse_beyond_the_file(model: Any) -> None:
    """Refuse weights in other files, and operators that are neither of the standard nor made of such in the file.

    Raises:
        ModelRefused: ONNX_REFUSED.
    """
    outside = [tensor.name for tensor in _tensors(model) if tensor.data_location == tensor.EXTERNAL]
    if outside:
        raise ModelRefused(
            "ONNX_REFUSED",
            f"expected all weights within the file, but {len(outside)} of its tensors lie in another file, which is "
            f"not read. Put them into one file: {WHOLE}, or torch.onnx.export(..., external_data=False)",
        )
    own = {(function.domain, function.name) for function in model.functions if not function.domain.startswith(RUNTIMES)}
    foreign = sorted(
        {
            f"{node.domain}:{node.op_type}"
            for node in _nodes(model)
            if node.domain not in STANDARD and (node.domain, node.op_type) not in own
        }
    )
    if foreign:
        raise ModelRefused(
            "ONNX_REFUSED",
            f"expected only operators of the ONNX standard, got {', '.join(foreign[:3])}. Export the network without "
            "them, for example before it is optimised for one runtime",
        )


def _refuse_float64(model: Any, double: int) -> None:
    """Refuse a network that takes float64, for which onnxruntime lacks many operators.

    Raises:
        ModelRefused: INPUT_REFUSED.
    """
    weights = {tensor.name for tensor in model.graph.initializer}
    if any(one.type.tensor_type.elem_type == double for one in model.graph.input if one.name not in weights):
        raise ModelRefused(
            "INPUT_REFUSED",
            "expected float32 images, the network takes float64: export it with float32, of torch with "
            "torch.onnx.export(network.float(), ...)",
        )


def _refuse_other_form(session: Any, specification: InputSpecification | None) -> None:
    """Refuse networks that do not take one batch of images, or give more than class scores.

    Raises:
        ModelRefused: INPUT_REFUSED or OUTPUT_SHAPE.
    """
    inputs, outputs = session.get_inputs(), session.get_outputs()
    taken = "; ".join(f"{one.name}: {one.type}, {_shape(one.shape)}" for one in inputs)
    if len(inputs) != 1 or inputs[0].type not in TYPES or len(inputs[0].shape) != len(AXES):
        raise ModelRefused(
            "INPUT_REFUSED",
            f"expected one input of float images, {_shape(AXES)}; the network takes {taken or 'none'}. Export it with "
            "this input alone, in float32",
        )
    batch, *rest = inputs[0].shape
    if isinstance(batch, int) and batch != 1:
        raise ModelRefused(
            "INPUT_REFUSED",
            f"expected a network that takes any number of images, or one; it takes {batch}. Export it with a dynamic "
            "first axis",
        )
    given = _sizes(specification)
    if not _fits(rest, given) and not _is_channels_last(inputs[0].shape, specification):
        raise ModelRefused(
            "INPUT_REFUSED",
            f"expected {_shape(AXES)} of the size that the input specification says, {_shape(('images', *given))}; the "
            f"network takes {_shape(inputs[0].shape)}. Give another --input, or export the network for this size",
        )
    if len(outputs) != 1:
        raise ModelRefused(
            "OUTPUT_SHAPE",
            f"expected one output, the class scores; the network has {', '.join(one.name for one in outputs)}. Export "
            "it with only the scores",
        )


def _refuse_other_scores(session: Any, model: Any) -> None:
    """Refuse networks that give the class, or other numbers that are not floating point, instead of logits.

    Raises:
        ModelRefused: OUTPUT_SHAPE.
    """
    (made,) = session.get_outputs()
    operator = _operator_that_decides(model, made.name)
    if made.type in SCORE_TYPES and operator != ONE_CLASS:
        return
    raise ModelRefused(
        "OUTPUT_SHAPE",
        f"expected one logit for each class, in float32; the network's last operator is {operator}, and its output "
        f"{made.name} is {made.type}, {_shape(made.shape)}. Export the network without it, so that it ends with "
        "the logits",
    )


def _operator_that_decides(model: Any, name: str) -> str:
    """The last operator before an output that does more than change the type or the shape of its input."""
    return _last_operator(model, name, lambda node: node.input[0] if node.op_type in PASSED_ON and node.input else "")


def _probabilities_by(model: Any, name: str) -> str:
    """The operator that makes the probabilities in an output, scaled by constants or not; empty if none does."""
    constants = {tensor.name for tensor in model.graph.initializer}
    constants |= {made for node in model.graph.node if node.op_type == "Constant" for made in node.output}

    def scaled(node: Any) -> str:
        varying = [one for one in node.input if one not in constants]
        if node.op_type in KEEPS_RANGE:
            return str(node.input[0]) if node.input else ""
        divides = node.op_type == "Div" and varying != [node.input[0]]
        return varying[0] if node.op_type in SCALING and len(varying) == 1 and not divides else ""

    operator = _last_operator(model, name, scaled)
    return operator if operator in PROBABILITIES else ""


def _last_operator(model: Any, name: str, passed_on: Callable[[Any], str]) -> str:
    """The last operator of the standard before an output, but those for which `passed_on` names the input to follow."""
    makers = {made: node for node in model.graph.node if node.domain in STANDARD for made in node.output}
    operator = "none"
    for _ in range(len(model.graph.node)):
        if name not in makers:
            break
        operator = makers[name].op_type
        name = passed_on(makers[name])
    return operator


def _sizes(specification: InputSpecification | None) -> tuple[int, ...]:
    """Channels, height and width; empty where they are not known."""
    return () if specification is None else (specification.channels, specification.height, specification.width)


def _fits(sizes: Sequence[object], wanted: Sequence[int]) -> bool:
    """Whether an input accepts these sizes. An axis without a fixed number accepts every size."""
    pairs = zip(sizes, wanted, strict=False)
    return all(size == one for size, one in pairs if isinstance(size, int))


def _is_channels_last(shape: Sequence[object], specification: InputSpecification | None) -> bool:
    """Whether an input takes images of the specification only as (images, height, width, channels)."""
    channels, *sides = _sizes(specification) or (0,)
    return bool(sides) and not _fits(shape[1:], (channels, *sides)) and _fits(shape[1:], (*sides, channels))


def _shape(sizes: Iterable[object]) -> str:
    return f"({', '.join(map(str, sizes))})"


def _tensors(model: Any) -> Iterator[Any]:
    """Every tensor of the file: weights, sparse ones, and those within operators, in all graphs and functions."""
    for graph in _graphs(model):
        yield from graph.initializer
        for sparse in graph.sparse_initializer:
            yield from (sparse.values, sparse.indices)
    for attribute in _attributes(model):
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)


def _attributes(model: Any) -> Iterator[Any]:
    """Every attribute of an operator, and every value that a function has for one that is not given."""
    for node in _nodes(model):
        yield from node.attribute
    for function in model.functions:
        yield from function.attribute_proto


def _nodes(model: Any) -> Iterator[Any]:
    for graph in _graphs(model):
        yield from graph.node
    for function in model.functions:
        yield from function.node


def _graphs(model: Any) -> Iterator[Any]:
    """The graph, those within its operators, and those within its functions."""
    waiting = [model.graph]
    for function in model.functions:
        waiting += [*_within(function.node), *_graphs_of(function.attribute_proto)]
    waiting += [part for info in model.training_info for part in (info.initialization, info.algorithm)]
    while waiting:
        graph = waiting.pop()
        yield graph
        waiting += _within(graph.node)


def _within(nodes: Iterable[Any]) -> Iterator[Any]:
    for node in nodes:
        yield from _graphs_of(node.attribute)


def _graphs_of(attributes: Iterable[Any]) -> Iterator[Any]:
    for attribute in attributes:
        if attribute.HasField("g"):
            yield attribute.g
        yield from attribute.graphs
