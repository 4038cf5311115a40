"""Networks in ONNX: they give the scores of what was exported, without a gradient, and read no other file."""

import sys

import numpy as np
import onnx
import pytest
import torch
from modicum_server.domain.digests import digest_of
from modicum_server.domain.models import InputSpecification, ModelVersion, VersionState, Weights
from modicum_server.model_process.failure_reasons import TaskFailure, failure_of
from modicum_server.model_process.loading import load_version
from modicum_server.model_process.slot import Slot
from onnx import TensorProto, helper, numpy_helper

from tests.hub import hub_stage
from tests.tiers import long

SIDE, CLASSES = 64, 5
INPUT = InputSpecification(
    channels=3,
    height=SIDE,
    width=SIDE,
    lower_bound=0.0,
    upper_bound=1.0,
    resize=0,
    interpolation="bilinear",
    mean=(0.485, 0.456, 0.406),
    std=(0.229, 0.224, 0.225),
)


def few_layers():
    """A network that is exported quickly."""
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, stride=4),
        torch.nn.BatchNorm2d(8),
        torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(4),
        torch.nn.Flatten(),
        torch.nn.Linear(128, CLASSES),
    )


def resnet18():
    from torchvision.models import resnet18  # noqa: PLC0415 - it takes seconds to import, and one test needs it

    return resnet18(num_classes=CLASSES)


def small_vit():
    """A vision transformer whose head, which timm begins with zeros, tells pictures apart."""
    network = hub_stage.timm().create_model("vit_tiny_patch16_224", img_size=SIDE, depth=3, num_classes=CLASSES)
    torch.nn.init.normal_(network.head.weight, std=0.5)
    return network


FAMILIES = {
    "a few layers": few_layers,
    "torchvision resnet18": resnet18,
    "timm mobilenetv3": lambda: hub_stage.timm().create_model("mobilenetv3_small_050", num_classes=CLASSES),
    "timm vit": small_vit,
}


def exported(network, path, **options):
    """The file as torch writes it by default, but in one piece."""
    images = torch.zeros(2, 3, SIDE, SIDE)
    batch = {"dynamic_shapes": ({0: torch.export.Dim("images", min=1, max=4096)},)}
    torch.onnx.export(network, (images,), path, external_data=False, verbose=False, **{**batch, **options})
    return path


def loaded(path, tmp_path, **more):
    return loaded_version(path, tmp_path, **more).classifier


def loaded_version(path, tmp_path, *, specification=INPUT, name="onnx:model"):
    data = path.read_bytes()
    (tmp_path / "slot" / "artifacts").mkdir(parents=True, exist_ok=True)
    (tmp_path / "slot" / "artifacts" / digest_of(data)).write_bytes(data)
    version = ModelVersion("", Weights(digest_of(data), name), specification, (), "", VersionState.PENDING, None)
    return load_version(Slot(tmp_path / "slot"), version, {}, torch.device("cpu"))


def refusal(path, tmp_path, **more):
    with pytest.raises(TaskFailure) as refused:
        loaded(path, tmp_path, **more)
    return refused.value


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")  # of torch
@pytest.mark.parametrize("family", ["a few layers", *map(long, list(FAMILIES)[1:])])
def test_an_exported_network_gives_the_scores_of_the_network(family, tmp_path):
    torch.manual_seed(0)
    network = FAMILIES[family]().eval()
    images = torch.rand(5, 3, SIDE, SIDE)
    mean, std = (torch.tensor(values).view(-1, 1, 1) for values in (INPUT.mean, INPUT.std))
    with torch.no_grad():
        expected = network((images - mean) / std)

    classifier = loaded(exported(network, tmp_path / "model.onnx"), tmp_path)

    seen = classifier.inspect((3, SIDE, SIDE))
    assert (seen.class_count, seen.output_kind, seen.has_gradient) == (CLASSES, "logits", False)
    assert np.ptp(expected.numpy(), axis=0).max() > 1e-3, "the scores must depend on the picture"
    torch.testing.assert_close(classifier.logits(images), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(classifier.search_logits(images[:1]), expected[:1], rtol=1e-4, atol=1e-4)


def graph(path, *, shape=("n", 3, SIDE, SIDE), kind=TensorProto.FLOAT, outputs=1, change=lambda model: None):
    """A network of a mean over each channel and a product with weights."""
    weights = numpy_helper.from_array(np.arange(6, dtype=np.float32).reshape(3, 2), "weights")
    nodes = [
        helper.make_node("GlobalAveragePool", ["images"], ["means"]),
        helper.make_node("Flatten", ["means"], ["flat"]),
        helper.make_node("MatMul", ["flat", "weights"], ["scores"]),
        helper.make_node("Identity", ["scores"], ["more"]),
    ]
    made = [helper.make_tensor_value_info(name, kind, ("n", 2)) for name in ("scores", "more")[:outputs]]
    taken = helper.make_tensor_value_info("images", kind, shape)
    body = helper.make_graph(nodes[: 2 + outputs], "net", [taken], made, [weights])
    model = helper.make_model(body, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    change(model)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_network_for_one_image_computes_them_one_by_one(tmp_path):
    images = torch.rand(3, 3, SIDE, SIDE)
    several = loaded(graph(tmp_path / "n.onnx"), tmp_path).logits(images)

    assert torch.equal(loaded(graph(tmp_path / "one.onnx", shape=(1, 3, SIDE, SIDE)), tmp_path).logits(images), several)


def last_to_first(model):
    """Before the network, bring its channels from the end to the front, as exporters of TensorFlow do."""
    model.graph.node[0].input[0] = "ordered"
    model.graph.node.insert(0, helper.make_node("Transpose", ["images"], ["ordered"], perm=(0, 3, 1, 2)))


@pytest.mark.parametrize("batch", ["n", 1])
def test_a_network_with_channels_last_gets_its_images_so(tmp_path, batch):
    images = torch.rand(3, 3, SIDE, SIDE)
    expected = loaded(graph(tmp_path / "first.onnx"), tmp_path).logits(images)

    last = graph(tmp_path / "last.onnx", shape=(batch, SIDE, SIDE, 3), change=last_to_first)

    assert torch.equal(loaded(last, tmp_path).logits(images), expected)


def elsewhere(model):
    (weights,) = model.graph.initializer
    weights.ClearField("raw_data")
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value="/etc/passwd")


def elsewhere_within_a_branch(model):
    inner = helper.make_node("Constant", [], ["made"], value=numpy_helper.from_array(np.zeros(1, np.float32), "hidden"))
    inner.attribute[0].t.data_location = TensorProto.EXTERNAL
    inner.attribute[0].t.external_data.add(key="location", value="secret")
    output = helper.make_tensor_value_info("made", TensorProto.FLOAT, (1,))
    branch = helper.make_graph([inner], "branch", [], [output])
    model.graph.node.append(helper.make_node("If", ["flag"], ["chosen"], then_branch=branch, else_branch=branch))


def foreign(model):
    model.graph.node[3 - 1].domain = "com.example"
    model.opset_import.add(domain="com.example", version=1)


def shadowing(model):
    """Give onnxruntime's own operator as a function: onnxruntime would run its own code for it."""
    body = [helper.make_node("Abs", ["x"], ["y"])]
    made = helper.make_function("com.microsoft", "Gelu", ["x"], ["y"], body, [helper.make_opsetid("", 17)])
    model.functions.append(made)
    model.opset_import.add(domain="com.microsoft", version=1)
    model.graph.node[2].output[0] = "product"
    model.graph.node.append(helper.make_node("Gelu", ["product"], ["scores"], domain="com.microsoft"))


def function_with(value):
    """Call a function of the file whose attribute has this value unless the caller gives one."""

    def change(model):
        constant = helper.make_node("Constant", [], ["made"])
        constant.attribute.add(name="value", ref_attr_name="given", type=onnx.AttributeProto.TENSOR)
        nodes = [constant, helper.make_node("Add", ["x", "made"], ["y"])]
        function = helper.make_function("own", "Add", ["x"], ["y"], nodes, [helper.make_opsetid("", 17)])
        function.attribute_proto.append(helper.make_attribute("given", value))
        model.functions.append(function)
        model.opset_import.add(domain="own", version=1)
        model.graph.node[2].output[0] = "product"
        model.graph.node.append(helper.make_node("Add", ["product"], ["scores"], domain="own"))

    return change


def tensor_elsewhere():
    tensor = numpy_helper.from_array(np.zeros(1, np.float32), "hidden")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="secret")
    return tensor


def graph_with_a_foreign_operator():
    output = helper.make_tensor_value_info("made", TensorProto.FLOAT, (1,))
    return helper.make_graph([helper.make_node("Load", [], ["made"], domain="com.example")], "inner", [], [output])


def in_float64(model):
    (weights,) = model.graph.initializer
    weights.CopyFrom(numpy_helper.from_array(np.ones((3, 2)), "weights"))


def of_a_wrong_output_type(model):
    model.graph.output[0].type.tensor_type.elem_type = TensorProto.INT64


def with_a_gap(model):
    model.graph.node[2].input[0] = "nowhere"


def of_a_later_opset(model):
    model.opset_import[0].version = 99


def of_a_later_format(model):
    model.ir_version = 99


def with_an_unknown_operator(model):
    model.graph.node[2].op_type = "Nope"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (of_a_wrong_output_type, "it says: Type Error: Type (tensor(int64)) of output arg (scores) of node () does"),
        (of_a_wrong_output_type, "(tensor(float)). Mend the graph, or export the network again; onnx.checker"),
        (with_a_gap, "it says: Invalid model. Node input 'nowhere' is not a graph input"),
        (of_a_later_opset, "it says: ONNX Runtime only *guarantees* support for models stamped with official"),
        (of_a_later_opset, "Export the network again with opset "),
        (of_a_later_format, "it says: Unsupported model IR version: 99"),
        (of_a_later_format, "Set model.ir_version = "),
        (with_an_unknown_operator, "Export the network again with an opset that has the operator Nope, or without"),
    ],
)
def test_a_network_that_onnxruntime_cannot_load_is_told_in_its_words_with_a_cure_that_fits(tmp_path, change, says):
    refused = refusal(graph(tmp_path / "model.onnx", change=change), tmp_path)

    assert (refused.reason, refused.model_at_fault) == ("WEIGHTS_UNREADABLE", True)
    assert says in refused.detail
    about_the_opset = change in {of_a_later_opset, with_an_unknown_operator}
    assert ("Export the network again with " in refused.detail) == about_the_opset


def test_names_of_a_graph_are_told_within_bounds_and_printably(tmp_path):
    def change(model):
        model.graph.node[2].input[0] = "/layer\x1b[31m/" + 1_000 * "x"

    refused = refusal(graph(tmp_path / "model.onnx", change=change), tmp_path)

    assert "Node input '/layer?[31m/xxx" in refused.detail
    assert refused.detail.isprintable()
    assert len(refused.detail) < 500


def most_likely(*, keepdims=0, kind=TensorProto.INT64, shape=("n",)):
    """End the network in the class of the largest score."""

    def change(model):
        model.graph.node[2].output[0] = "product"
        made = helper.make_node("ArgMax", ["product"], ["class"], axis=1, keepdims=keepdims)
        model.graph.node.extend([made, helper.make_node("Cast", ["class"], ["scores"], to=kind)])
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info("scores", kind, shape))

    return change


def greedy(model):
    """Add to each score the sum of more numbers than fit into any memory."""
    model.graph.initializer.append(numpy_helper.from_array(np.array([10**15]), "many"))
    model.graph.node[2].output[0] = "product"
    model.graph.node.extend(
        [
            helper.make_node("ConstantOfShape", ["many"], ["zeros"]),
            helper.make_node("ReduceSum", ["zeros"], ["zero"], keepdims=0),
            helper.make_node("Add", ["product", "zero"], ["scores"]),
        ]
    )


@pytest.mark.parametrize(
    ("changes", "reason", "says"),
    [
        ({"change": elsewhere}, "ONNX_REFUSED", "1 of its tensors lie in another file, which is not read"),
        ({"change": elsewhere_within_a_branch}, "ONNX_REFUSED", "lie in another file, which is not read"),
        ({"change": foreign}, "ONNX_REFUSED", "only operators of the ONNX standard, got com.example:MatMul"),
        ({"change": shadowing}, "ONNX_REFUSED", "only operators of the ONNX standard, got com.microsoft:Gelu"),
        ({"change": function_with(tensor_elsewhere())}, "ONNX_REFUSED", "1 of its tensors lie in another file"),
        (
            {"change": function_with(graph_with_a_foreign_operator())},
            "ONNX_REFUSED",
            "only operators of the ONNX standard, got com.example:Load",
        ),
        ({"shape": ("n", 3, 32, 32)}, "INPUT_REFUSED", "the network takes (n, 3, 32, 32). Give another --input"),
        (
            {"shape": ("n", 32, 32, 3), "change": last_to_first},
            "INPUT_REFUSED",
            "the network takes (n, 32, 32, 3). Give another --input",
        ),
        ({"shape": (8, 3, SIDE, SIDE)}, "INPUT_REFUSED", "any number of images, or one; it takes 8"),
        ({"kind": TensorProto.DOUBLE, "change": in_float64}, "INPUT_REFUSED", "takes float64: export it with float32"),
        ({"shape": ("n", 3)}, "INPUT_REFUSED", "Export it with this input alone, in float32"),
        (
            {"change": most_likely()},
            "OUTPUT_SHAPE",
            "the network's last operator is ArgMax, and its output scores is tensor(int64), (n). Export the",
        ),
        (
            {"change": most_likely(keepdims=1, shape=("n", 1))},
            "OUTPUT_SHAPE",
            "last operator is ArgMax, and its output scores is tensor(int64), (n, 1)",
        ),
        (
            {"change": most_likely(kind=TensorProto.FLOAT)},
            "OUTPUT_SHAPE",
            "last operator is ArgMax, and its output scores is tensor(float), (n)",
        ),
        (
            {"change": most_likely(keepdims=1, kind=TensorProto.FLOAT, shape=("n", 1))},
            "OUTPUT_SHAPE",
            "last operator is ArgMax, and its output scores is tensor(float), (n, 1)",
        ),
        ({"outputs": 2}, "OUTPUT_SHAPE", "expected one output, the class scores; the network has scores, more"),
    ],
)
def test_what_cannot_be_audited_is_refused_with_what_to_do(tmp_path, changes, reason, says):
    refused = refusal(graph(tmp_path / "model.onnx", **changes), tmp_path)

    assert (refused.reason, refused.model_at_fault) == (reason, True)
    assert says in refused.detail


def test_a_network_that_wants_more_memory_than_there_is_does_not_have_a_wrong_input(tmp_path):
    classifier = loaded(graph(tmp_path / "model.onnx", change=greedy), tmp_path)

    with pytest.raises(RuntimeError) as raised:
        classifier.inspect((3, SIDE, SIDE))

    assert (failure_of(raised.value).reason, failure_of(raised.value).model_at_fault) == ("MODEL_OUT_OF_MEMORY", False)


def test_a_network_that_cannot_be_loaded_for_want_of_memory_is_not_called_unreadable(tmp_path, monkeypatch):
    class Fail(Exception):
        """As onnxruntime raises it."""

    def fail(*_, **__):
        raise Fail("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")

    monkeypatch.setattr("onnxruntime.InferenceSession", fail)

    with pytest.raises(RuntimeError, match="bad_alloc") as raised:
        loaded(graph(tmp_path / "model.onnx"), tmp_path)

    assert failure_of(raised.value).reason == "MODEL_OUT_OF_MEMORY"


@pytest.mark.parametrize("data", [b"", b"this is no network", b"\x08\x09" * 40])
def test_a_file_that_is_no_network_is_refused(tmp_path, data):
    (tmp_path / "model.onnx").write_bytes(data)

    assert refusal(tmp_path / "model.onnx", tmp_path).reason in {"WEIGHTS_UNREADABLE", "INPUT_REFUSED"}


def test_another_name_is_refused(tmp_path):
    assert refusal(graph(tmp_path / "model.onnx"), tmp_path, name="onnx:resnet").reason == "ARCHITECTURE_UNKNOWN"


def test_a_worker_without_onnxruntime_does_not_blame_the_model(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxruntime", None)

    refused = refusal(graph(tmp_path / "model.onnx"), tmp_path)

    assert (refused.reason, refused.model_at_fault) == ("ARCHITECTURE_UNAVAILABLE", False)
    assert "Install modicum-server[onnx]" in refused.detail


def test_the_graph_that_is_looked_at_is_valid(tmp_path):
    onnx.checker.check_model(onnx.load(graph(tmp_path / "model.onnx")))
