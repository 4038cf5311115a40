"""What `modicum audit` prints and its exit code when something is wrong."""

import socket

import pytest
import torch
from safetensors.torch import load_file, save_file

from tests.acceptance.acceptance_stage import ARCHITECTURE
from tests.model_files import program_of
from tests.tiers import long

WEIGHTS = ("--weights", "w.safetensors", "--architecture", ARCHITECTURE)
INPUT = ("--input", "input.toml", "--class-labels", "labels.txt")
QUICK = ("--threshold", "0.9", "--passes", "60")
USAGE, NOT_COMPLETED, REFUSED = 2, 3, 5


def audit(place, *words, photos="photos", model=WEIGHTS, search=QUICK, inputs=INPUT):
    return place.run("modicum", "audit", photos, *model, *inputs, *search, *words)


def expect(done, code, *words):
    assert done.code == code, done.messages
    for word in words:
        assert word in done.messages, done.messages
    assert done.output == ""


#: The others take as long each, and are told by the same lines.
QUICK_OPTIONS = 3
WRONG_OPTIONS = [
    (("--threshold", "1.5"), ("threshold", "1.5")),
    (("--threshold", "0"), ("threshold",)),
    (("--threshold", "high"), ("threshold",)),
    (("--output", "result.pdf"), (".json", ".html", ".pdf")),
    (("--output", "absent/result.json"), ("absent",)),
    (("--output", "/proc/result.json"), ("/proc/result.json",)),
    (("--method", "guessing"), ("guessing", "mask_optimization")),
    (("--fill", "purple"), ("purple", "mean")),
    (("--fraction", "2", "--method", "backselect"), ("fraction",)),
    (("--sample", "1000"), ("1000", "9")),
    (("--device", "abacus"), ("abacus", "cuda")),
    (("--control", "guess"), ("guess", "class_targeted")),
    (("--control", "fill", "--no-controls"), ("--control",)),
    (("--input", "absent.toml"), ("absent.toml",)),
    (("--class-labels", "absent.txt"), ("absent.txt",)),
    (("--name", "Not A Name"), ("Not A Name",)),
    (("--exported", "model.pt2"), ("weights", "exported")),
]


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("words", "said"),
    [
        pytest.param(words, said, id=" ".join(words), marks=() if place < QUICK_OPTIONS else pytest.mark.long)
        for place, (words, said) in enumerate(WRONG_OPTIONS)
    ],
)
def test_a_wrong_option_is_reported_before_the_server_is_called(place, words, said):
    expect(audit(place.with_variables(MODICUM_ADDRESS="127.0.0.1:1"), *words), USAGE, *said)


@pytest.mark.long
def test_a_missing_folder_is_reported(place):
    expect(audit(place, photos="absent"), USAGE, "absent", "expected")


def test_a_folder_without_photographs_is_reported(place):
    (place.folder / "empty").mkdir()

    expect(audit(place, photos="empty"), USAGE, "empty", "expected images", ".jpg")


def test_a_missing_model_file_is_reported(place):
    expect(audit(place, model=("--weights", "absent.safetensors", "--architecture", ARCHITECTURE)), USAGE, "absent")


def test_weights_without_an_architecture_are_reported(place):
    expect(audit(place, model=("--weights", "w.safetensors")), USAGE, "architecture", "torchvision:resnet18")


def test_a_missing_model_option_is_reported(place):
    expect(audit(place, model=()), USAGE, "weights", "exported", "torchscript")


@pytest.mark.parametrize(
    "architecture",
    ["torchvision:resnet1", *(long(name) for name in ("nobody:resnet18", "modicum:cifar_resnet9", "resnet18"))],
)
def test_an_unknown_architecture_is_refused_with_the_valid_ones(place, architecture):
    done = audit(place, model=("--weights", "w.safetensors", "--architecture", architecture))

    assert done.code in {USAGE, REFUSED}, done.messages
    assert architecture in done.messages
    assert "did you mean" in done.messages or "xpected" in done.messages, done.messages


def test_weights_whose_keys_do_not_fit_are_refused_with_the_keys(place):
    done = audit(place, model=("--weights", "w.safetensors", "--architecture", "torchvision:resnet18"))

    expect(done, REFUSED, "torchvision:resnet18")
    assert "key" in done.messages.lower()


@pytest.mark.long
def test_weights_whose_shapes_do_not_fit_are_refused(place):
    weights = load_file(place.folder / "w.safetensors")
    weights["stem_conv.weight"] = torch.zeros(16, 3, 5, 5)
    save_file(weights, place.folder / "wide.safetensors")

    expect(
        audit(place, model=("--weights", "wide.safetensors", "--architecture", ARCHITECTURE)),
        REFUSED,
        "stem_conv.weight",
    )


@pytest.mark.long
def test_nan_weights_are_refused(place):
    weights = load_file(place.folder / "w.safetensors")
    weights["head.weight"] = torch.full_like(weights["head.weight"], float("nan"))
    save_file(weights, place.folder / "nan.safetensors")

    expect(audit(place, model=("--weights", "nan.safetensors", "--architecture", ARCHITECTURE)), REFUSED, "NaN")


@pytest.mark.long_after(1)
@pytest.mark.parametrize("name", ["bytes.safetensors", long("bytes.pt"), "bytes.pt2"])
def test_a_file_without_a_model_is_refused(place, name):
    says = b"this is no model at all, whatever its name says"
    header = b'{"a":{"dtype":"nothing","shape":[1],"data_offsets":[0,1]}}'
    whole = {
        "pt2": program_of(says),
        "pt": program_of(says),
        "safetensors": len(header).to_bytes(8, "little") + header + b"0",
    }
    (place.folder / name).write_bytes(whole.get(name.partition(".")[2], says))  # a whole file, or it is not uploaded
    model = ("--exported", name) if name.endswith("pt2") else ("--weights", name, "--architecture", ARCHITECTURE)

    expect(audit(place, model=model), REFUSED, "_UNREADABLE")


@pytest.mark.long
def test_labels_that_are_too_many_for_the_outputs_are_refused(place):
    (place.folder / "more.txt").write_text("red\ngreen\nblue\nwhite\n")

    expect(
        audit(place, inputs=("--input", "input.toml", "--class-labels", "more.txt")), REFUSED, "3 outputs", "4 labels"
    )


def test_photographs_of_a_class_unknown_to_the_model_are_refused(place):
    (place.folder / "photos" / "red").rename(place.folder / "photos" / "purple")

    expect(audit(place), REFUSED, "purple")


@pytest.mark.long
def test_an_unreachable_server_is_reported(place):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"

        expect(audit(place.with_variables(MODICUM_ADDRESS=address)), NOT_COMPLETED, address, "MODICUM_ADDRESS")


def test_an_unknown_token_is_reported(place):
    expect(audit(place.with_variables(MODICUM_TOKEN="wrong")), USAGE, "MODICUM_TOKEN")


@pytest.mark.parametrize("address", ["nonsense:port", long("ftp://somewhere"), long("127.0.0.1:99999")])
def test_an_invalid_address_is_reported(place, address):
    expect(audit(place.with_variables(MODICUM_ADDRESS=address)), USAGE, address)


def test_a_token_is_never_sent_unencrypted_to_another_machine(place):
    expect(audit(place.with_variables(MODICUM_ADDRESS="192.0.2.1:7400")), USAGE, "MODICUM_INSECURE")
