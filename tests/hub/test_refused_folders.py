"""Folders that are refused: each with exit code 5 and a sentence that says what to do, before anything is sent."""

import json
import math
import struct

import pytest
from modicum.cli.options import ModelOptions
from modicum.cli.requests import model_request
from modicum.errors import InvalidArgument, ModelFolderRefused
from modicum.sources.hub_folders import hub_folder

from tests.commands import run_command

GOOD_CONFIG = {
    "architectures": ["ViTForImageClassification"],
    "model_type": "vit",
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "id2label": {"0": "cat", "1": "dog"},
}
GOOD_PREPROCESSOR = {
    "image_processor_type": "ViTImageProcessor",
    "do_resize": True,
    "size": {"height": 64, "width": 64},
    "resample": 2,
    "do_rescale": True,
    "rescale_factor": 1 / 255,
    "do_normalize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
}


def tensors(kind="F32", /, **places) -> bytes:
    """A safetensors file of tensors of this type with one number each."""
    header = {name: {"dtype": kind, "shape": [1], "data_offsets": place} for name, place in places.items()}
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(max(end for _, end in places.values()))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder that would be accepted, photographs, and no server."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MODICUM_ADDRESS", "127.0.0.1:1")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_bytes(b"a")
    made = tmp_path / "my-vit"
    made.mkdir()
    write(made, "config.json", GOOD_CONFIG)
    write(made, "preprocessor_config.json", GOOD_PREPROCESSOR)
    (made / "model.safetensors").write_bytes(tensors(a=[0, 4]))
    return made


@pytest.fixture
def run(capsys):
    return lambda *arguments: run_command(arguments, capsys)


def write(folder, name, values):
    (folder / name).write_text(json.dumps(values))


@pytest.mark.parametrize(
    ("given", "origin"), [(None, "preprocessor_config.json of my-vit"), ("cifar10", "--input cifar10")]
)
def test_a_request_knows_who_names_its_input(folder, given, origin):
    assert model_request(None, ModelOptions(model="my-vit", input_name=given)).input_from == origin


def test_a_good_folder_says_all_that_registering_needs(folder):
    found = hub_folder(folder)

    assert found.architecture == "transformers:vit"
    assert found.labels == ("cat", "dog")
    assert json.loads(found.configuration) == {
        "architectures": ["ViTForImageClassification"],
        "hidden_size": 32,
        "model_type": "vit",
        "num_hidden_layers": 2,
        "num_labels": 2,
    }
    given = found.required_input()
    assert (given.height, given.width, given.resize, given.interpolation) == (64, 64, 0, "bilinear")
    assert given.mean == given.std == (0.5, 0.5, 0.5)


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"auto_map": {"AutoModel": "modeling.Mine"}}, "auto_map would load Python code"),
        ({"backbone": "resnet50"}, "backbone would load a file or another model"),
        ({"attn_implementation": "someone/kernel"}, "would load a file or another model"),
        ({"quantization_config": {"bits": 4}}, "quantized. Save the floating point weights"),
        ({"hidden_size": 10**400}, "hidden_size: expected a number of at most 1,000,000"),
        ({"problem_type": []}, "one class for each picture. Train it so"),
        ({"hidden_size": 10**9}, "at most 1,000,000, got 1e+09; correct the configuration, or export the model"),
        ({"words": ["x"] * 20_000}, "expected at most 10,000 values, got more; correct the configuration, or export"),
        ({"num_hidden_layers": 5000}, "num_hidden_layers: expected a number of at most 1,000"),
        ({"text_config": {"num_labels": 10**6}}, "num_labels: expected a number of at most 100,000, got 1e+06"),
        ({"id2label": None, "num_labels": 10**6}, "num_labels: expected 1 to 100,000, got 1000000"),
        ({"id2label": dict.fromkeys(range(100_001), "x")}, "id2label: expected at most 100,000 classes, got 100,001"),
        ({"inner": {"path": "/etc/passwd"}}, "path: expected a plain word, got a path"),
        ({"deep": {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}}}, "expected at most 6 levels"),
        ({"architectures": ["ViTModel"]}, "expected an image classifier (architectures: one name with"),
        ({"problem_type": "multi_label_classification"}, "one class for each picture"),
        ({"architectures": None}, "`architectures` is missing; it names the class of the model that was saved. If"),
        ({"architectures": ["A", "B"]}, "the one class that was saved; it names 2: A, B. Keep only the name of the"),
        ({"id2label": {"0": "cat", "2": "dog"}}, "a name for each class from 0 on, got 2 names, none of them for 1; "),
        ({"id2label": {"0": "cat", "9": "dog", "8": "fox", "7": "owl", "6": "emu"}}, "none of them for 1, 2, 3 and "),
        ({"id2label": {"0": "cat", "1": 7}}, "correct it, or give the names of all classes with --class-labels FILE"),
        ({"id2label": {"cat": 0}}, "a name for each class from 0 on, got other keys than numbers; correct it, or give"),
        ({"id2label": ["cat"]}, "a name for each class from 0 on, got something else; correct it, or give the names"),
        ({"id2label": {"0": "cat", "00": "dog"}}, "a name for each class from 0 on, got two names for one class;"),
        ({"id2label": {"0": "cat", "1": "a\x1b[31m"}}, r"id2label: class 1: expected at most 256 characters without"),
        ({"id2label": {"0": "c" * 257, "1": "dog"}}, "id2label: class 0: expected at most 256 characters without"),
        ({"model_type": "timm_wrapper"}, "save the timm model itself"),
        ({"transformers_weights": "other.safetensors"}, "transformers_weights names other.safetensors, but only"),
    ],
    ids=lambda one: one if isinstance(one, str) else "-".join(one),
)
def test_a_configuration_that_is_not_plain_ends_with_5(folder, run, changes, says):
    write(folder, "config.json", {**GOOD_CONFIG, **changes})

    ended = run("audit", "photos", "--model", "my-vit")

    assert ended.exit_code == 5
    assert says in ended.said
    assert "[MODEL_FOLDER_REFUSED]" in ended.said


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"image_processor_type": "MobileViTImageProcessor"}, "is not supported"),
        ({"image_processor_type": None}, "image_processor_type is missing"),
        ({"do_resize": False}, "pictures of all sizes must become one"),
        ({"resample": 1}, "expected nearest, bilinear, bicubic; got lanczos"),
        ({"size": {"shortest_edge": 64}}, "not cropped, so their sizes differ"),
        ({"size": {"height": 64, "width": 100_000}}, "width: expected 1 to 4,096 pixels; got 100000"),
        ({"size": {"longest_edge": 64}}, "expected shortest_edge, or height and width"),
        ({"image_mean": [0.5]}, "mean: expected 3 finite numbers"),
        ({"rescale_factor": 0}, "rescale_factor: expected a number above 0"),
        ({"rescale_factor": math.inf}, "rescale_factor: expected a number of at most 1,000,000"),
        ({"image_std": 10**400}, "image_std: expected a number for each channel"),
        ({"resample": [2]}, "resample: expected a number, 0 (nearest), 2 (bilinear), 3 (bicubic); got [2]"),
        ({"resample": "bicubic"}, "resample: expected a number, 0 (nearest), 2 (bilinear), 3 (bicubic); got 'bicubic'"),
        ({"size": 10**400}, "size: expected a number of pixels"),
        ({"image_processor_type": "PoolFormerImageProcessor", "crop_pct": 0}, "crop_pct: expected 0.001 to 1, got 0"),
        ({"do_center_crop": True, "crop_size": {"height": 96, "width": 96}}, "resize: expected 0, or 96"),
    ],
    ids=lambda one: one if isinstance(one, str) else "-".join(one),
)
def test_a_processor_that_cannot_be_followed_ends_with_5_unless_an_input_is_given(folder, run, changes, says):
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, **changes})

    ended = run("audit", "photos", "--model", "my-vit")

    assert ended.exit_code == 5
    assert says in ended.said
    assert "--input FILE.toml" in ended.said
    assert hub_folder(folder).architecture == "transformers:vit"
    assert run("audit", "photos", "--model", "my-vit", "--input", "imagenet").exit_code == 3  # no server


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("remove", "put", "says"),
    [
        ("model.safetensors", "pytorch_model.bin", "only pytorch_model.bin, which is a pickle and can run code"),
        ("model.safetensors", "tf_model.h5", "only tf_model.h5, which is TensorFlow"),
        ("model.safetensors", "adapter_model.safetensors", "which is an adapter"),
        ("model.safetensors", None, "model.safetensors is missing. Download it"),
        ("preprocessor_config.json", None, "preprocessor_config.json is missing"),
    ],
)
def test_a_folder_without_a_file_ends_with_5(folder, run, remove, put, says):
    (folder / remove).unlink()
    if put:
        (folder / put).write_bytes(b"x")

    assert run("policy", "init", "policy.yaml").exit_code == 0

    for command in (("audit", "photos"), ("gate", "photos", "--policy", "policy.yaml")):
        ended = run(*command, "--model", "my-vit")
        assert (ended.exit_code, says in ended.said) == (5, True), ended.said


@pytest.mark.long_after(1)
@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_damaged_configuration_ends_with_5(folder, run, content):
    (folder / "config.json").write_bytes(content)

    ended = run("models", "create", "net", "--model", "my-vit")

    assert ended.exit_code == 5
    assert "config.json" in ended.said
    assert "download it again, or save the model again" in ended.said


def test_a_pointer_in_the_place_of_the_configuration_is_called_one(folder, run):
    (folder / "config.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:aa\nsize 3\n")

    ended = run("models", "create", "net", "--model", "my-vit")

    assert ended.exit_code == 5
    assert "config.json: is a pointer of Git LFS, not the JSON: run `git lfs pull`" in ended.said


def test_a_path_that_is_no_folder_of_a_model_is_wrong_usage(folder, run):
    for given, says in [("vit/3", "modicum audits create --model NAME"), ("photos", "expected config.json")]:
        ended = run("audit", "photos", "--model", given)

        assert (ended.exit_code, says in ended.said) == (2, True), ended.said


def test_a_folder_and_another_model_exclude_each_other(folder, run):
    ended = run("audit", "photos", "--model", "my-vit", "--weights", "my-vit/model.safetensors")

    assert ended.exit_code == 2
    assert "got model and weights" in ended.said
    assert run("audit", "photos", "--model", "my-vit", "--architecture", "timm:x").exit_code == 2
    assert run("audit", "models:/cats/3", "photos", "--model", "my-vit").exit_code == 2


@pytest.mark.parametrize(
    ("weight_map", "files", "says"),
    [
        ({"a": "../w.safetensors"}, {}, "in the same folder, got .*; save the model again"),
        ({"a": "w.bin"}, {}, "expected names of .safetensors files"),
        ({"a": "w.safetensors"}, {}, "this part of the weights is missing"),
        ({"a": "w.safetensors"}, {"w.safetensors": b"short"}, "not a complete safetensors file"),
        ({"a": "w.safetensors"}, {"w.safetensors": tensors(a=[0, 4])[:-1]}, "not a complete safetensors file"),
        ({"a": "w.safetensors"}, {"w.safetensors": struct.pack("<Q", 2**60)}, "not a complete safetensors file"),
        ({"b": "w.safetensors"}, {"w.safetensors": tensors(a=[0, 4])}, "a is in w.safetensors, but the index says"),
        (
            {"a": "w.safetensors", "b": "w.safetensors"},
            {"w.safetensors": tensors(a=[0, 4])},
            "b is not in w.safetensors",
        ),
        ({}, {}, "expected a weight_map"),
    ],
)
def test_weights_in_several_files_that_do_not_fit_are_refused(folder, weight_map, files, says):
    (folder / "model.safetensors").unlink()
    write(folder, "model.safetensors.index.json", {"weight_map": weight_map})
    for name, content in files.items():
        (folder / name).write_bytes(content)

    with pytest.raises(ModelFolderRefused, match=says):
        hub_folder(folder).weights()


@pytest.mark.parametrize("several", [False, True])
def test_weights_in_float8_are_found_before_the_upload(folder, several):
    name = "w.safetensors" if several else "model.safetensors"
    (folder / "model.safetensors").unlink()
    (folder / name).write_bytes(tensors("F8_E4M3", a=[0, 1]))
    if several:
        write(folder, "model.safetensors.index.json", {"weight_map": {"a": name}})

    with pytest.raises(
        ModelFolderRefused, match=rf"{name}: expected weights in float32, .* a is in float8 \(F8_E4M3\)"
    ):
        hub_folder(folder)


@pytest.mark.parametrize("left", [-1, 5, 0])
def test_weights_that_are_cut_off_are_found_before_the_upload(folder, left):
    (folder / "model.safetensors").write_bytes(tensors(a=[0, 4])[:left])
    with pytest.raises(ModelFolderRefused, match=r"model\.safetensors: not a complete safetensors file"):
        hub_folder(folder)

    (folder / "model.safetensors").unlink()
    write(folder, "model.safetensors.index.json", {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}})
    (folder / "1.safetensors").write_bytes(tensors(a=[0, 4]))
    (folder / "2.safetensors").write_bytes(tensors(b=[0, 4])[:left])
    with pytest.raises(ModelFolderRefused, match=r"2\.safetensors: not a complete safetensors file"):
        hub_folder(folder)


def test_weights_in_several_files_are_read_from_any_place(folder):
    (folder / "model.safetensors").unlink()
    write(folder, "model.safetensors.index.json", {"weight_map": {"a": "1.safetensors", "b": "2.safetensors"}})
    (folder / "1.safetensors").write_bytes(tensors(a=[0, 4])[:-4] + b"aaaa")
    (folder / "2.safetensors").write_bytes(tensors(b=[0, 4])[:-4] + b"bbbb")

    content = hub_folder(folder).weights()

    with content.open() as stream:
        whole = stream.read()
        assert len(whole) == content.size_bytes
        assert whole[-8:] == b"aaaabbbb"
        for place in range(len(whole)):
            stream.seek(place)
            assert stream.read() == whole[place:]


def test_placeholders_are_no_names_and_equal_names_get_their_numbers(folder):
    write(folder, "config.json", {**GOOD_CONFIG, "id2label": {"0": "LABEL_0", "1": "LABEL_1"}})
    assert hub_folder(folder).labels == ()

    write(folder, "config.json", {**GOOD_CONFIG, "id2label": {"1": "crane", "0": "crane", "2": "cat"}})
    assert hub_folder(folder).labels == ("crane (0)", "crane (1)", "cat")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"do_rescale": False}, (0.0, 255.0)),
        ({"rescale_factor": 1 / 127.5}, (0.0, 2.0)),
        ({"rescale_factor": 0.00392156862745098}, (0.0, 1.0)),
    ],
)
def test_bounds_are_what_bytes_become(folder, changes, expected):
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, **changes})

    given = hub_folder(folder).required_input()

    assert (given.lower_bound, given.upper_bound) == expected


def test_a_model_without_a_mean_gets_a_grey_fill(folder):
    write(folder, "preprocessor_config.json", {**GOOD_PREPROCESSOR, "do_normalize": False})

    given = hub_folder(folder).required_input()

    assert (given.mean, given.std, given.fill_mean) == ((0.0,) * 3, (1.0,) * 3, (0.5,) * 3)


def test_an_argument_of_timm_that_loads_a_file_is_refused(folder):
    write(
        folder,
        "config.json",
        {"architecture": "resnet10t", "model_args": {"checkpoint_path": "x"}, "pretrained_cfg": {}},
    )

    with pytest.raises(ModelFolderRefused, match="checkpoint_path would load a file"):
        hub_folder(folder)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"crop_mode": ["center"]}, "crop_mode: expected center or squash"),
        ({"crop_mode": "border"}, "crop_mode: expected center or squash"),
        ({"interpolation": "lanczos"}, "interpolation: expected nearest"),
        ({"input_size": [3, 64, 96], "crop_pct": 0.9}, "64 x 96 is not square"),
        ({"input_size": None}, "input_size: expected 3 whole numbers"),
        ({"input_size": [3, 10**400, 10**400]}, "input_size: expected 3 whole numbers"),
        ({"crop_pct": 1.5}, r"crop_pct: expected 0\.001 to 1, got 1\.5"),
        ({"crop_pct": 1e-320}, r"crop_pct: expected 0\.001 to 1"),
    ],
    ids=lambda one: one if isinstance(one, str) else "-".join(one),
)
def test_a_preparation_of_timm_that_cannot_be_followed_is_refused(folder, changes, says):
    write(
        folder, "config.json", {"architecture": "resnet10t", "pretrained_cfg": {"input_size": [3, 64, 64], **changes}}
    )

    with pytest.raises(ModelFolderRefused, match=says):
        hub_folder(folder).required_input()


@pytest.mark.parametrize("part", [None, True, "ViTImageProcessor", [GOOD_PREPROCESSOR]])
def test_a_processor_that_is_no_object_is_refused(folder, part):
    (folder / "preprocessor_config.json").unlink()
    write(folder, "processor_config.json", {"image_processor": part})

    with pytest.raises(ModelFolderRefused, match="image_processor: expected a JSON object"):
        hub_folder(folder).required_input()


def test_an_older_configuration_of_timm_has_its_preparation_on_the_first_level(folder):
    write(folder, "config.json", {"architecture": "resnet10t", "input_size": [3, 64, 64], "crop_pct": 0.9})

    found = hub_folder(folder)

    assert (found.architecture, found.configuration, found.required_input().resize) == ("timm:resnet10t", "", 71)


def test_a_model_in_no_folder_is_told(tmp_path):
    with pytest.raises(InvalidArgument, match=r"there is no such folder; expected a folder with config\.json") as told:
        hub_folder(tmp_path / "absent")

    assert str(told.value).startswith("model /")
    assert "modicum audits" not in str(told.value)
