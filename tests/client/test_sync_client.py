"""The synchronous client has every method of the asynchronous one. The client imports neither torch nor the server."""

import inspect
import pydoc
import re
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_type_hints

import modicum
import pytest
import typer
from modicum import administration, errors
from modicum import client as client_module
from modicum.cli.command import app
from modicum.client import AsyncClient, Audit, Audits, Client
from modicum.snapshots import AuditSnapshot
from modicum.sources.inputs import BUILT_IN, IMAGENET_MEAN, input_specification


def methods(kind):
    return {name for name, _ in inspect.getmembers(kind, inspect.isfunction) if not name.startswith("_")}


PAIRS = {
    kind: get_type_hints(kind)["_async"]
    for module in (client_module, administration)
    for kind in vars(module).values()
    if inspect.isclass(kind) and kind.__module__ == module.__name__ and "_async" in get_type_hints(kind)
}


def test_every_part_of_the_asynchronous_client_has_a_synchronous_one():
    assert set(get_type_hints(AsyncClient).values()) <= set(PAIRS.values())


@pytest.mark.parametrize(("sync", "asynchronous"), PAIRS.items(), ids=[kind.__name__ for kind in PAIRS])
def test_every_method_has_a_synchronous_form_with_the_same_parameters_and_docstring(sync, asynchronous):
    assert methods(sync) == methods(asynchronous)
    for name in methods(sync):
        mine, theirs = getattr(sync, name), getattr(asynchronous, name)
        assert inspect.signature(mine).parameters == inspect.signature(theirs).parameters
        assert mine.__doc__ == theirs.__doc__


@pytest.mark.parametrize("sync", [*PAIRS, Client], ids=lambda kind: kind.__name__)
def test_no_synchronous_method_shows_asynchronous_types(sync):
    for name in methods(sync):
        method = getattr(sync, name)

        assert "Async" not in f"{method.__qualname__}{inspect.signature(method)}{method.__annotations__}"
        assert "Async" not in pydoc.plain(pydoc.render_doc(method))


def test_synchronous_methods_tell_what_they_return():
    returned = {name: inspect.signature(getattr(Audits, name)).return_annotation for name in ("create", "list")}

    assert returned == {"create": Audit, "list": Iterator[Audit]}
    assert inspect.signature(Audit.watch).return_annotation == Iterator[AuditSnapshot]


@pytest.mark.parametrize(
    ("call", "message"),
    {
        "a wrong keyword": (
            lambda client: client.audits.create(threshold=[0.9]),
            "Audits.create() got an unexpected keyword argument 'threshold'; did you mean 'thresholds'?",
        ),
        "a keyword like no other": (
            lambda client: client.models.get("net", wibble=1),
            "Models.get() got an unexpected keyword argument 'wibble'",
        ),
        "an argument left out": (lambda client: client.judge("a"), "Client.judge(): missing a required argument"),
        "an argument too many": (
            lambda client: client.audits.list("a", "b"),
            "Audits.list(): too many positional arguments",
        ),
    }.values(),
)
def test_wrong_arguments_name_the_method_that_was_called(client, call, message):
    with pytest.raises(TypeError, match=f"^{re.escape(message)}") as refused:
        call(client)

    assert {frame.name for frame in traceback.extract_tb(refused.tb)}.isdisjoint({"run", "iterate"})


def test_an_exception_leaves_the_clients_usable(client, script):
    with pytest.raises(ValueError, match="mine"), client:
        raise ValueError("mine")


def test_importing_the_client_imports_neither_torch_nor_the_server():
    code = (
        "import sys, modicum.public, modicum.cli.command; "
        "print([m for m in sys.modules if m.split('.')[0] in {'torch', 'modicum_server', 'modicum_sis', 'PIL'}])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_the_client_explains_its_arguments():
    for parameter in list(inspect.signature(Client).parameters):
        assert f"{parameter}:" in Client.__doc__


REFERENCE = Path(__file__).parents[2] / "docs" / "reference"
README = Path(modicum.__file__).parent.parent / "README.md"


def test_the_readme_names_every_option_of_the_audit_command():
    command = typer.main.get_command(app).commands["audit"]
    options = {name for parameter in command.params for name in parameter.opts if name.startswith("--")}

    assert {option for option in options - {"--help"} if option not in README.read_text()} == set()


def test_the_input_file_in_the_reference_is_valid(tmp_path):
    text = (REFERENCE / "environment.md").read_text().split("```toml\n")[1].split("```")[0]
    (tmp_path / "input.toml").write_text(text)

    assert input_specification(tmp_path / "input.toml") == replace(BUILT_IN["imagenet"], fill_mean=IMAGENET_MEAN)


def test_every_error_is_in_the_tree_and_can_be_imported():
    kinds = {name for name, kind in vars(errors).items() if inspect.isclass(kind) and issubclass(kind, Exception)}

    assert kinds <= set(modicum.__all__)
    assert all(name in errors.__doc__ for name in kinds)
