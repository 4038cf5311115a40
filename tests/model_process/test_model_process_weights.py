"""Weights as data: what is read, what is refused, and what the refusal says."""

import json
import struct
import warnings

import pytest
import torch
from modicum_server.model_process.failure_reasons import ModelRefused
from modicum_server.model_process.weights import fit_weights, read_weights
from safetensors.torch import save
from torch import nn


def linear() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))


def header_of(**tensors) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text


def saved(value, path):
    torch.save(value, path)
    return path


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"not weights at all", id="text"),
        pytest.param(save({"a": torch.ones(8)})[:-8], id="truncated"),
        pytest.param(save({"a": torch.ones(8)})[:20], id="truncated header"),
        pytest.param(struct.pack("<Q", 2**62) + b"{}", id="a header longer than the file"),
        pytest.param(
            header_of(a={"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}), id="a tensor beyond the file"
        ),
        pytest.param(
            header_of(a={"dtype": "F32", "shape": [3], "data_offsets": [0, 4]}) + b"1234", id="a shape that lies"
        ),
        pytest.param(b"PK\x03\x04 and no archive", id="no archive"),
        pytest.param(b"\x80\x02 and no pickle", id="no pickle"),
    ],
)
def test_damaged_weights_are_refused(tmp_path, data):
    path = tmp_path / "weights"
    path.write_bytes(data)

    with pytest.raises(ModelRefused) as refusal:
        read_weights(path)

    assert refusal.value.reason == "WEIGHTS_UNREADABLE"
    assert str(tmp_path) not in refusal.value.detail


def test_a_state_dict_is_read_as_safetensors_are(tmp_path):
    module = linear()
    plain = saved(module.state_dict(), tmp_path / "plain.pt")
    nested = saved({"epoch": 3, "state_dict": module.state_dict()}, tmp_path / "nested.pth")
    (tmp_path / "safe").write_bytes(save(module.state_dict()))

    read = [read_weights(path) for path in (plain, nested, tmp_path / "safe")]

    assert all(set(weights) == set(module.state_dict()) for weights in read)
    assert all(torch.equal(weights["0.weight"], module[0].weight) for weights in read)


class Harm:
    def __reduce__(self):
        return (print, ("run",))


@pytest.mark.parametrize("value", [{"a": Harm()}, linear()], ids=["a call", "a whole module"])
def test_a_pickle_that_is_more_than_data_is_not_run(tmp_path, capsys, value):
    path = saved(value, tmp_path / "harm.pt")

    with pytest.raises(ModelRefused, match="more than that") as refusal:
        read_weights(path)

    assert refusal.value.reason == "WEIGHTS_UNREADABLE"
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("value", [{"a": 1}, [torch.ones(1)], {}], ids=["a number", "a list", "nothing"])
def test_a_checkpoint_without_a_state_dict_is_refused(tmp_path, value):
    with pytest.raises(ModelRefused) as refusal:
        read_weights(saved(value, tmp_path / "other.pt"))

    assert refusal.value.reason == "WEIGHTS_NOT_TENSORS"


def test_keys_that_do_not_fit_are_named():
    weights = linear().state_dict()
    weights["extra"] = torch.ones(1)
    weights["0.bias"] = torch.ones(5)
    del weights["0.weight"]

    with pytest.raises(ModelRefused) as refusal:
        fit_weights(linear(), weights, "group:name")

    assert refusal.value.reason == "STATE_DICT_MISMATCH"
    for words in ("7 keys of group:name", "missing 0.weight", "unexpected extra", "expected 0.bias 3, got 5"):
        assert words in refusal.value.detail


def test_of_many_keys_only_the_first_are_named():
    with pytest.raises(ModelRefused, match=r"missing 0\.weight, 0\.bias, 1\.weight and 3 more"):
        fit_weights(linear(), {}, "group:name")


def test_the_prefix_of_data_parallel_is_taken_off():
    given, module = linear(), linear()

    fit_weights(module, {f"module.{key}": value for key, value in given.state_dict().items()}, "group:name")

    assert torch.equal(module[0].weight, given[0].weight)


def test_old_weights_without_batch_counters_are_taken():
    weights = linear().state_dict()
    del weights["1.num_batches_tracked"]

    fit_weights(linear(), weights, "group:name")


def unusable(kind: str) -> torch.Tensor:
    match kind:
        case "meta":
            return torch.ones(3, 4, device="meta")
        case "qint8":
            with warnings.catch_warnings(action="ignore"):
                return torch.quantize_per_tensor(torch.ones(3, 4), 0.1, 0, torch.qint8)
        case "nested":
            with warnings.catch_warnings(action="ignore"):
                return torch.nested.nested_tensor([torch.ones(4)] * 3, layout=torch.strided)
        case _:
            return torch.ones(3, 4, dtype=torch.uint8).view(getattr(torch, kind))


@pytest.mark.parametrize(
    ("kind", "came"),
    [
        ("meta", "0.weight (on the meta device, without values)"),
        ("qint8", "0.weight (quantized, qint8)"),
        pytest.param(
            "nested",
            "0.weight (nested)",
            marks=pytest.mark.skipif(torch.__version__ >= "2.15", reason="torch itself takes it for more than data"),
        ),
        ("bits8", "0.weight (bits8)"),
        ("float4_e2m1fn_x2", "0.weight (float4_e2m1fn_x2)"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_tensors_that_no_module_can_take_are_refused_with_what_they_are(tmp_path, kind, came):
    path = saved({**linear().state_dict(), "0.weight": unusable(kind)}, tmp_path / "weights.pt")

    with pytest.raises(ModelRefused) as refusal:
        read_weights(path)

    assert refusal.value.reason == "WEIGHTS_UNREADABLE"
    assert f"cannot be used: {came}. Each must be dense" in refusal.value.detail


def test_safetensors_of_a_type_that_no_module_can_take_are_refused(tmp_path):
    data = header_of(a={"dtype": "F4", "shape": [3, 4], "data_offsets": [0, 6]}) + bytes(6)
    (tmp_path / "weights").write_bytes(data)

    with pytest.raises(ModelRefused, match=r"cannot be used: a \(float4_e2m1fn_x2\)"):
        read_weights(tmp_path / "weights")


KINDS_REFUSED = [
    torch.complex64,
    torch.int64,
    torch.uint8,
    torch.bool,
    torch.float8_e4m3fn,
    torch.float8_e5m2,
    torch.float8_e4m3fnuz,
    torch.float8_e5m2fnuz,
]


@pytest.mark.parametrize("dtype", KINDS_REFUSED, ids=str)
def test_weights_that_would_change_without_a_word_are_refused(dtype):
    module, weights = linear(), linear().state_dict()
    weights |= {key: weights[key].to(dtype) for key in ("0.weight", "1.running_mean")}

    with pytest.raises(ModelRefused) as refusal:
        fit_weights(module, weights, "group:name")

    name = str(dtype).removeprefix("torch.")
    assert refusal.value.reason == "STATE_DICT_MISMATCH"
    assert f"0.weight float32, got {name}, 1.running_mean float32, got {name}. Save" in refusal.value.detail
    assert "as float32, float16 or bfloat16" in refusal.value.detail


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_weights_of_every_wider_floating_type_are_taken_and_counters_of_integers(tmp_path, dtype):
    weights = {key: value.to(dtype) for key, value in linear().state_dict().items() if value.is_floating_point()}
    weights["1.num_batches_tracked"] = torch.tensor(7)
    module = linear()

    fit_weights(module, read_weights(saved(weights, tmp_path / "weights.pt")), "group:name")

    assert module[0].weight.dtype == torch.float32
    assert torch.equal(module[0].weight, weights["0.weight"].float())
    assert module[1].num_batches_tracked == 7


@pytest.mark.parametrize("dtype", [torch.int32, torch.float32], ids=str)
def test_a_counter_is_taken_from_any_real_type(dtype):
    module, weights = linear(), linear().state_dict()
    weights["1.num_batches_tracked"] = torch.tensor(7).to(dtype)

    fit_weights(module, weights, "group:name")

    assert module[1].num_batches_tracked == 7


def test_a_complex_counter_is_refused():
    weights = linear().state_dict()
    weights["1.num_batches_tracked"] = torch.tensor(7j)

    with pytest.raises(ModelRefused, match=r"1\.num_batches_tracked int64, got complex64"):
        fit_weights(linear(), weights, "group:name")


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2], ids=str)
def test_a_safetensors_file_in_float8_is_refused(tmp_path, dtype):
    weights = {key: value.to(dtype) for key, value in linear().state_dict().items() if value.is_floating_point()}
    (tmp_path / "w").write_bytes(save(weights))

    with pytest.raises(ModelRefused, match="must have the types of group:name, and floating point float32, float16"):
        fit_weights(linear(), read_weights(tmp_path / "w"), "group:name")


def test_a_safetensors_file_whose_length_begins_as_a_pickle_does_is_read(tmp_path):
    """The first byte is that of a header's length; 0x80, a multiple of 8, begins pickles, too."""
    for protocol in range(3):
        begun = [
            name for name in range(1, 600) if len(save({"w" * name: torch.ones(2)})[8:-8]) == 0x80 + 256 * protocol
        ]
        assert begun
        (tmp_path / "w").write_bytes(save({"w" * begun[0]: torch.ones(2)}))

        assert read_weights(tmp_path / "w").keys() == {"w" * begun[0]}
