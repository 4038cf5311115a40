"""What the model's process refuses of configuration and weights, whoever sent them."""

import json
import sys
from dataclasses import dataclass

import pytest
import torch
from modicum_server.domain.digests import digest_of
from modicum_server.domain.models import ModelVersion, VersionState, Weights
from modicum_server.model_process.failure_reasons import TaskFailure
from modicum_server.model_process.loading import load_version
from modicum_server.model_process.slot import Slot
from safetensors.torch import load_file, save

from tests.hub.hub_stage import family, quietly, saved


@dataclass(frozen=True)
class Vit:
    """A saved tiny ViT: its configuration as a server has it, its weights, and an empty slot."""

    configuration: dict
    weights: dict
    slot: Slot

    def load(self, *, kind="transformers:vit", configuration=None, weights=None, text=None):
        data = save(self.weights if weights is None else weights)
        digest = digest_of(data)
        (self.slot.folder / "artifacts" / digest).write_bytes(data)
        text = json.dumps(configuration or self.configuration) if text is None else text
        version = ModelVersion("", Weights(digest, kind, text), None, (), "", VersionState.PENDING, None)
        quietly(lambda: load_version(self.slot, version, {}, torch.device("cpu")))

    def refusal(self, **given) -> TaskFailure:
        with pytest.raises(TaskFailure) as refused:
            self.load(**given)
        return refused.value


@pytest.fixture
def vit(tmp_path) -> Vit:
    saved(family("vit"), tmp_path / "model")
    written = json.loads((tmp_path / "model" / "config.json").read_text())
    labels = {"id2label", "label2id"}
    configuration = {key: value for key, value in written.items() if key not in labels} | {"num_labels": 5}
    (tmp_path / "slot" / "artifacts").mkdir(parents=True)
    return Vit(configuration, load_file(tmp_path / "model" / "model.safetensors"), Slot(tmp_path / "slot"))


def test_the_saved_configuration_and_weights_are_loaded(vit):
    assert vit.refusal().reason == "INPUT_MISSING"  # all else was in order


@pytest.mark.parametrize(
    ("changes", "reason", "says"),
    [
        ({"hidden_size": 4096}, "STATE_DICT_MISMATCH", "config.json describes a model of"),
        (
            {"intermediate_size": 65},
            "STATE_DICT_MISMATCH",
            "of another shape vit.layers.0.mlp.fc1.bias (the weights (64,), config.json (65,)), vit.layers.0",
        ),
        ({"num_hidden_layers": 3}, "STATE_DICT_MISMATCH", "missing"),
        ({"num_hidden_layers": 1}, "STATE_DICT_MISMATCH", "unexpected"),
        ({"num_hidden_layers": 1}, "STATE_DICT_MISMATCH", "If the model does not need them, load it there and save it"),
        (
            {"num_labels": 6},
            "STATE_DICT_MISMATCH",
            "the head of the weights has 5 classes (classifier.weight has 5 rows), but the version names 6, in config",
        ),
        ({"hidden_size": "32"}, "CONFIGURATION_REFUSED", "Validation error for field 'hidden_size': TypeError: Field"),
        ({"hidden_act": "no_such"}, "CONFIGURATION_REFUSED", "cannot build a vit"),
        ({"architectures": ["ViTModel"]}, "CONFIGURATION_REFUSED", "ViTForImageClassification, got ViTModel"),
        ({"architectures": None}, "CONFIGURATION_REFUSED", "got nothing"),
        ({"num_labels": 10**6}, "CONFIGURATION_REFUSED", "num_labels: expected a number of at most 100,000, got 1e+06"),
        ({"auto_map": {"AutoConfig": "a.B"}}, "CONFIGURATION_REFUSED", "would load Python code"),
    ],
    ids=lambda one: "-".join(one) if isinstance(one, dict) else None,
)
def test_what_does_not_fit_is_refused(vit, changes, reason, says):
    refused = vit.refusal(configuration={**vit.configuration, **changes})

    assert (refused.reason, refused.model_at_fault) == (reason, True)
    assert says in refused.detail, refused.detail


@pytest.mark.parametrize("dtype", [torch.complex64, torch.int8, torch.int64, torch.bool, torch.float8_e5m2], ids=str)
def test_weights_of_another_kind_of_number_are_refused_as_those_without_a_folder(vit, dtype):
    refused = vit.refusal(weights={key: tensor.to(dtype) for key, tensor in vit.weights.items()})

    assert (refused.reason, refused.model_at_fault) == ("STATE_DICT_MISMATCH", True)
    assert "must have the types of transformers:vit, and floating point float32, float16, bfloat16" in refused.detail
    assert f"float32, got {str(dtype).removeprefix('torch.')}" in refused.detail


def test_another_kind_of_number_is_found_under_a_key_of_an_older_release(vit):
    older = {key.replace("vit.layers", "vit.encoder.layer"): tensor for key, tensor in vit.weights.items()}
    changed = {key: tensor.to(torch.int8) if "encoder" in key else tensor for key, tensor in older.items()}

    assert "float32, got int8" in vit.refusal(weights=changed).detail


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64], ids=str)
def test_weights_in_another_precision_are_taken(vit, dtype):
    weights = {key: tensor.to(dtype) for key, tensor in vit.weights.items()}

    assert vit.refusal(weights=weights).reason == "INPUT_MISSING"


HOSTILE = (
    *({key: value} for key in ("hidden_size", "patch_size", "num_channels", "image_size") for value in (-16, 0, 10**6)),
    *({key: value} for key in ("num_attention_heads", "num_hidden_layers", "num_labels") for value in (-1, 0)),
    *({"dtype": value} for value in ("os", "evil", ["float32"], {"a": 1}, -1)),
    *({"hidden_act": value} for value in ("__import__", "os", -1, None)),
    *({key: "x"} for key in ("__class__", "__dict__", "to_dict", "use_return_dict", "layer_norm_eps")),
    *({key: {"0": [0, 1]}} for key in ("sub_configs", "id2label", "attribute_map")),
    {"_name_or_path": "org/model"},
    {"id2label": {str(number): "x" for number in range(9_000)}},
)


def test_a_hostile_configuration_is_refused_with_a_reason_or_changes_nothing(vit):
    """Without an input specification, even a model that was built is refused: INPUT_MISSING."""
    refused = [vit.refusal(configuration={**vit.configuration, **changes}) for changes in HOSTILE]

    assert {one.reason for one in refused} == {"CONFIGURATION_REFUSED", "STATE_DICT_MISMATCH", "INPUT_MISSING"}
    assert all(one.model_at_fault and len(one.detail) < 500 for one in refused)


def test_a_type_without_image_classifiers_is_unknown(vit):
    refused = vit.refusal(kind="transformers:bert")

    assert refused.reason == "ARCHITECTURE_UNKNOWN"
    assert "no image classifier of the type bert" in refused.detail
    assert vit.refusal(kind="transformers:timm_wrapper").reason == "ARCHITECTURE_UNKNOWN"


def test_a_worker_without_transformers_is_not_the_model_s_fault(vit, monkeypatch):
    monkeypatch.setitem(sys.modules, "transformers.models.auto", None)

    refused = vit.refusal()

    assert (refused.reason, refused.model_at_fault) == ("ARCHITECTURE_UNAVAILABLE", False)
    assert "Install modicum-server[hub]" in refused.detail


@pytest.mark.long
def test_a_text_that_is_no_configuration_is_refused(vit):
    for text in ("{", "[]", "NaN", '{"a": Infinity}', '{"a": "' + "x" * 70_000 + '"}'):
        assert vit.refusal(text=text).reason == "CONFIGURATION_REFUSED"


def test_other_families_take_no_configuration(vit):
    refused = vit.refusal(kind="torchvision:resnet18")

    assert (refused.reason, "takes no configuration" in refused.detail) == ("CONFIGURATION_REFUSED", True)


def test_arguments_that_timm_does_not_know_are_refused(vit):
    refused = vit.refusal(kind="timm:resnet10t", configuration={"no_such_argument": 3})

    assert refused.reason == "CONFIGURATION_REFUSED"
    assert "model_args of its config.json" in refused.detail
