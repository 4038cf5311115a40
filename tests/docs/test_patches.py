"""What CONTRIBUTING says of patches: tests give smaller limits as arguments, and patch no constant of the product."""

import ast
import re
from collections.abc import Iterator

from tests.docs.documents import ROOT, files

CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]+")
ALLOWED = {
    "tests/client/conftest.py": {"CALLS", "CALLS_TO_KNOWN_SERVER", "STREAMS"},
    "tests/pages/test_page_browser.py": {"MODELS_SHOWN"},
    "tests/pages/test_page_walks.py": {"AUDITS_SHOWN"},
}
"""By file, the constants that CONTRIBUTING excepts. Names in variables are not seen."""
MODULES = {"asyncio", "time", "signal", "os"}
"""Modules of Python that a test could replace as a whole."""
OF_OTHERS = ("tests.", "huggingface_hub.")
"""Constants of test data and of libraries may be patched."""


def patched_names(source: str) -> Iterator[str]:
    """Yield the attributes that monkeypatch sets by a written name, with their modules where these are written too."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[ast.Constant(str(path)), *_]):
                yield path
            case ast.Call(func=ast.Attribute(attr="setattr"), args=[_, ast.Constant(str(name)), *_]):
                yield name


def is_refused(name: str) -> bool:
    """Whether it is a constant of the product, or a module of Python."""
    last = name.rpartition(".")[2]
    return not name.startswith(OF_OTHERS) and (bool(CONSTANT.fullmatch(last)) or last in MODULES)


def test_tests_patch_no_constant_of_the_product_but_those_that_are_excepted():
    patched = {
        str(path): {name for name in patched_names((ROOT / path).read_text(encoding="utf-8")) if is_refused(name)}
        for path in files("tests/*.py")
    }

    assert {path: names for path, names in patched.items() if names} == ALLOWED


def test_a_patched_constant_is_noticed_in_each_way_to_write_it():
    source = """
monkeypatch.setattr(module, "LIMIT", 1)
patched.setattr("product.module._LIMIT", 1)
monkeypatch.setattr(module, "asyncio", None)
monkeypatch.setattr(module, "function", None)
monkeypatch.setattr("tests.module.LIMIT", None)
monkeypatch.setattr(value, "t", 1)
"""

    assert [name for name in patched_names(source) if is_refused(name)] == ["LIMIT", "product.module._LIMIT", "asyncio"]
