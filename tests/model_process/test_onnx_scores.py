"""What the outputs of a network in ONNX are: logits, probabilities that sum to 1, or else they are refused."""

import numpy as np
import pytest
from modicum.v1 import model_pb2
from modicum_server.domain.models import ModelVersion, VersionState, Weights
from modicum_server.model_process.checking import check
from modicum_server.model_process.failure_reasons import ModelRefused
from modicum_server.model_process.progress_counts import ProgressCounts
from onnx import TensorProto, helper, numpy_helper

from tests.model_process.test_onnx import INPUT, graph, loaded_version

LOGITS, PROBABILITIES = model_pb2.OUTPUT_KIND_LOGITS, model_pb2.OUTPUT_KIND_PROBABILITIES
CONSTANTS = {
    "hundred": np.float32(100),
    "hundredth": np.float32(0.01),
    "each": np.array([1, 100], np.float32),
    "opposites": np.array([[1, -1], [0, 0]], np.float32),
    "pair": np.array([-1, 2], np.int64),
    "step": np.float32(0.001),
    "zero": np.uint8(0),
}


def ending_in(*operators):
    """Give the scores to operators, one after the other. `_` stands for what the one before made."""

    def change(model):
        model.graph.node[2].output[0] = made = "product"
        names = set()
        for place, (operator, *inputs) in enumerate(operators):
            taken = [made if one == "_" else one for one in inputs or ["_"]]
            names.update(taken)
            last = place == len(operators) - 1
            made = "scores" if last else f"made{place}"
            kind = {"to": TensorProto.FLOAT} if operator == "Cast" else {}
            model.graph.node.append(helper.make_node(operator, taken, [made], **kind))
        for name in names & CONSTANTS.keys():
            model.graph.initializer.append(numpy_helper.from_array(np.asarray(CONSTANTS[name]), name))

    return change


def checked(tmp_path, change):
    loaded = loaded_version(graph(tmp_path / "model.onnx", change=change), tmp_path)
    version = ModelVersion("", Weights("", "onnx:model"), INPUT, (), "", VersionState.PENDING, None)
    return check(loaded, version, ProgressCounts()).output_kind


def with_a_constant_node(model):
    ending_in(("Softmax",), ("Mul", "_", "many"))(model)
    value = numpy_helper.from_array(np.float32(100), "value")
    model.graph.node.insert(0, helper.make_node("Constant", [], ["many"], value=value))


@pytest.mark.parametrize(
    ("change", "operator"),
    [
        (ending_in(("Sigmoid",)), "Sigmoid"),
        (ending_in(("HardSigmoid",)), "HardSigmoid"),
        (ending_in(("Sigmoid",), ("Identity",)), "Sigmoid"),
        (ending_in(("Sigmoid",), ("Reshape", "_", "pair"), ("Cast",)), "Sigmoid"),
        (
            ending_in(("Sigmoid",), ("QuantizeLinear", "_", "step", "zero"), ("DequantizeLinear", "_", "step")),
            "Sigmoid",
        ),
        (ending_in(("Sigmoid",), ("Mul", "hundred", "_")), "Sigmoid"),
        (ending_in(("Softmax",), ("Mul", "_", "hundred")), "Softmax"),
        (ending_in(("Softmax",), ("Mul", "_", "each"), ("Identity",)), "Softmax"),
        (ending_in(("Softmax",), ("Div", "_", "hundredth")), "Softmax"),
        (with_a_constant_node, "Softmax"),
    ],
)
def test_probabilities_that_do_not_sum_to_one_are_refused(tmp_path, change, operator):
    with pytest.raises(
        ModelRefused, match=rf"the network ends in {operator}, and its outputs do not sum to 1\. Exp"
    ) as no:
        checked(tmp_path, change)

    assert no.value.reason == "OUTPUT_SHAPE"


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        (ending_in(("Identity",)), LOGITS),
        (ending_in(("Mul", "_", "hundred")), LOGITS),
        (ending_in(("Sigmoid",), ("MatMul", "_", "opposites")), LOGITS),
        (ending_in(("Sigmoid",), ("Mul", "_", "product")), LOGITS),
        (ending_in(("Softmax",), ("Log",)), LOGITS),
        (ending_in(("LogSoftmax",)), LOGITS),
        (ending_in(("Sigmoid",), ("Div", "hundred", "_")), LOGITS),
        (ending_in(("Softmax",)), PROBABILITIES),
        (ending_in(("Softmax",), ("Cast",), ("Reshape", "_", "pair")), PROBABILITIES),
        (ending_in(("Softmax",), ("Mul", "_", "hundred"), ("Mul", "_", "hundredth")), PROBABILITIES),
        (ending_in(("MatMul", "_", "opposites"), ("Sigmoid",)), PROBABILITIES),
    ],
)
def test_logits_and_probabilities_that_sum_to_one_are_told_apart(tmp_path, change, kind):
    assert checked(tmp_path, change) == kind
