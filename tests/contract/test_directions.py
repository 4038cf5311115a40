"""Imports point one way: use cases know no transport, and what is heavy or foreign is known in one place each."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import modicum_server
import pytest

PACKAGE = Path(modicum_server.__file__).parent

CORE = ("domain", "usecases", "measures", "errors.py", "model_server.py", "ports.py", "settings.py")
PROTOBUF = ("google", "modicum")
PROTOBUF_PLACES = ("transports", "codec", "wire", "torchserve", "handler")
GRPC_PLACES = ("transports", "wire", "torchserve")
TORCH = ("torch", "torchvision", "timm", "safetensors", "modicum_sis")

#: What may be imported where: (libraries, the only parts of the package that may).
ONLY_IN = [
    pytest.param(PROTOBUF, PROTOBUF_PLACES, id="protobuf"),
    pytest.param(("grpc",), GRPC_PLACES, id="grpc"),
    pytest.param(("starlette", "uvicorn"), ("transports", "worker"), id="http"),
    pytest.param(("sqlalchemy", "alembic"), ("store", "queue"), id="sql"),
    pytest.param(("procrastinate",), ("queue", "store"), id="queue"),
    pytest.param(("ts",), ("handler/entry.py",), id="torchserve"),
    pytest.param(TORCH, ("handler", "demo", "selftest"), id="torch"),
]


def imports(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def imported() -> Iterator[tuple[str, str]]:
    for file in sorted(PACKAGE.rglob("*.py")):
        place = file.relative_to(PACKAGE).as_posix()
        yield from ((place, name) for name in imports(file))


def within(place: str, parts: tuple[str, ...]) -> bool:
    return any(place == part or place.startswith(f"{part}/") for part in parts)


@pytest.mark.parametrize(("libraries", "places"), ONLY_IN)
def test_a_library_is_known_only_where_it_belongs(libraries, places):
    strays = [
        f"{place} imports {name}"
        for place, name in imported()
        if name.split(".")[0] in libraries and not within(place, places)
    ]

    assert strays == []


def test_the_core_knows_no_adapter():
    known = ("domain", "errors", "model_server", "ports", "settings", "usecases", "measures")
    exceptions = {("usecases/reports.py", "modicum_server.reports")}  # pure functions, as use cases are
    strays = [
        (place, name)
        for place, name in imported()
        if within(place, CORE) and name.startswith("modicum_server.") and name.split(".")[1] not in known
    ]

    assert set(strays) <= exceptions


def test_the_core_needs_no_library_but_numpy_scipy_and_the_settings_reader():
    allowed = {*sys.stdlib_module_names, "modicum_server", "numpy", "scipy", "pydantic", "pydantic_settings"}

    assert [(p, n) for p, n in imported() if within(p, CORE) and n.split(".")[0] not in allowed] == []
