"""What a worker says that it can build: the names of each family, or the package that is missing."""

import sys
import tempfile
from importlib import metadata
from importlib.metadata import EntryPoint

import pytest
import structlog
from modicum_server.domain.buildable import Family
from modicum_server.domain.documents import FAMILIES
from modicum_server.model_process import buildable
from modicum_server.model_process.architectures import ENTRY_POINTS, ArchitectureUnknown
from modicum_server.torchserve.architectures import look


@pytest.mark.long
async def test_the_families_that_ship_with_the_server_say_their_names():
    families = await look()

    assert families["torchvision"].builds("resnet18")
    assert families["timm"].builds("vit_tiny_patch16_224")
    assert families["modicum"].builds("small_cnn")
    assert families["modicum"].builds("cifar_resnet8")
    assert families["efficientnet_lite"].names == ("lite0", "lite1", "lite2")
    assert families["transformers"].builds("vit")
    assert families["onnx"] == Family(("model",))
    assert not families["torchvision"].builds("resnet19")


@pytest.mark.parametrize(
    ("missing", "family", "extra"),
    [("timm", "timm", "worker"), ("efficientnet_lite_pytorch", "efficientnet_lite", "demo")],
)
def test_a_family_without_its_package_says_which_is_missing(monkeypatch, missing, family, extra):
    monkeypatch.setitem(sys.modules, missing, None)
    (point,) = metadata.entry_points(group=ENTRY_POINTS, name=family)

    assert buildable._of_point(point) == Family(lacks=missing, extra=extra)


def test_without_transformers_its_family_says_so(monkeypatch):
    for module in ("transformers", "transformers.models.auto"):  # another test may have imported it
        monkeypatch.setitem(sys.modules, module, None)

    assert buildable._of_transformers() == Family(lacks="transformers", extra="hub")


def test_the_networks_of_this_package_have_more_names_than_they_say():
    """A depth that nobody uses is built all the same."""
    (point,) = metadata.entry_points(group=ENTRY_POINTS, name="modicum")

    assert buildable._of_point(point) == Family()


def test_onnx_needs_both_of_its_packages(monkeypatch):
    monkeypatch.setattr(buildable.util, "find_spec", lambda name: None if name == "onnxruntime" else name)

    assert buildable._of_onnx() == Family(lacks="onnxruntime", extra="onnx")


def builds_all(name: str, class_count: int) -> None:
    """An entry point of another package that looks at no name."""


def fails(name: str, class_count: int) -> None:
    raise KeyError(name)


def names_many(name: str, class_count: int) -> None:
    raise ArchitectureUnknown(name, [str(number) for number in range(buildable.MOST_NAMES + 1)])


def names_some(name: str, class_count: int) -> None:
    raise ArchitectureUnknown(name, ["tiny"], complete=False)


@pytest.mark.parametrize("function", [builds_all, fails, names_many, names_some])
def test_a_family_that_cannot_say_its_names_may_build_any(function):
    point = EntryPoint("acme", f"{__name__}:{function.__name__}", ENTRY_POINTS)

    assert buildable._of_point(point) == Family()


async def test_what_a_process_of_its_own_prints_is_read():
    code = """print('{"acme": {"names": ["tiny"]}, "timm": {"lacks": "timm", "extra": "worker"}}')"""

    found = await look([sys.executable, "-c", code])

    assert found == {"acme": Family(("tiny",)), "timm": Family(lacks="timm", extra="worker")}


async def test_what_packages_leave_in_the_temporary_folder_is_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    code = "import pathlib, tempfile; pathlib.Path(tempfile.gettempdir(), 'left').touch(); print('{}')"

    assert await look([sys.executable, "-c", code]) == {}

    assert list(tmp_path.iterdir()) == []


def test_what_packages_print_does_not_mix_with_the_families(monkeypatch, capfdbinary):
    monkeypatch.setattr(buildable.os, "nice", lambda _: None)
    monkeypatch.setattr(
        buildable, "buildable", lambda: sys.stdout.write("a library talks") and {"acme": Family(("tiny",))}
    )

    buildable.main()

    assert FAMILIES.validate_json(capfdbinary.readouterr().out) == {"acme": Family(("tiny",))}


@pytest.mark.parametrize(
    "code", ["raise SystemExit(3)", "print('no JSON')", "print('[1]' * 3_000_000)", "import time; time.sleep(60)"]
)
async def test_a_process_that_fails_says_too_much_or_takes_too_long_leaves_it_unknown(code):
    seconds = 0.3 if "sleep" in code else 60.0

    assert await look([sys.executable, "-c", code], seconds) is None


async def test_a_process_that_says_too_much_does_not_hold_up_what_waits_for_it():
    talks = [sys.executable, "-c", "print('[1]' * 3_000_000)"]

    with structlog.testing.capture_logs() as logs:
        assert await look(talks, 20.0, largest_bytes=10) is None  # the rest of its output stays in the pipe

    assert [entry["error"] for entry in logs] == ["it printed more than 10 bytes"]
