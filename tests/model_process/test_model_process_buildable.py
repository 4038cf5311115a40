"""What a worker says that it can build: the names of each family, or the package that is missing."""

import sys
from importlib.metadata import EntryPoint

import pytest
from modicum_server.domain.buildable import Family
from modicum_server.model_process import buildable
from modicum_server.model_process.architectures import ENTRY_POINTS, ArchitectureUnknown
from modicum_server.torchserve.architectures import look


def test_the_families_that_ship_with_the_server_say_their_names():
    families = buildable.buildable()

    assert families["torchvision"].builds("resnet18")
    assert families["timm"].builds("vit_tiny_patch16_224")
    assert families["modicum"].names == tuple(sorted(families["modicum"].names))
    assert families["modicum"].builds("small_cnn")
    assert families["efficientnet_lite"].names == ("lite0", "lite1", "lite2")
    assert families["transformers"].builds("vit")
    assert families["onnx"] == Family(("model",))
    assert not families["torchvision"].builds("resnet19")


@pytest.mark.parametrize(
    ("missing", "family", "extra"),
    [
        ("timm", "timm", "worker"),
        ("efficientnet_lite_pytorch", "efficientnet_lite", "demo"),
        ("transformers.models.auto", "transformers", "hub"),
    ],
)
def test_a_family_without_its_package_says_which_is_missing(monkeypatch, missing, family, extra):
    monkeypatch.setitem(sys.modules, missing, None)

    assert buildable.buildable()[family] == Family(lacks=missing, extra=extra)


def test_onnx_needs_both_of_its_packages(monkeypatch):
    monkeypatch.setattr(buildable.util, "find_spec", lambda name: None if name == "onnxruntime" else name)

    assert buildable.buildable()["onnx"] == Family(lacks="onnxruntime", extra="onnx")


def builds_all(name: str, class_count: int) -> None:
    """An entry point of another package that looks at no name."""


def fails(name: str, class_count: int) -> None:
    raise KeyError(name)


def names_many(name: str, class_count: int) -> None:
    raise ArchitectureUnknown(name, [str(number) for number in range(buildable.MOST_NAMES + 1)])


@pytest.mark.parametrize("function", [builds_all, fails, names_many])
def test_a_family_that_cannot_say_its_names_may_build_any(function):
    point = EntryPoint("acme", f"{__name__}:{function.__name__}", ENTRY_POINTS)

    assert buildable._of_point(point) == Family()


async def test_a_process_of_its_own_looks_and_says_nothing_else():
    quick = (
        "from modicum_server.model_process import buildable as b; from modicum_server.domain.buildable import Family"
    )
    talkative = "b.buildable = lambda: print('a library talks') or {'acme': Family(('tiny',))}"

    found = await look([sys.executable, "-c", f"{quick}; {talkative}; b.main()"])

    assert found == {"acme": Family(("tiny",))}


@pytest.mark.parametrize(
    "code", ["raise SystemExit(3)", "print('no JSON')", "print('[1]' * 3_000_000)", "import time; time.sleep(60)"]
)
async def test_a_process_that_fails_says_too_much_or_takes_too_long_leaves_it_unknown(code):
    seconds = 0.3 if "sleep" in code else 60.0

    assert await look([sys.executable, "-c", code], seconds) is None
