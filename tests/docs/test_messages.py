"""Error messages begin with a small letter and end without a full stop (CONTRIBUTING.md, "How we write")."""

import ast
from collections.abc import Iterator, Mapping, Sequence

import modicum.errors
import modicum_server.errors
import modicum_sis.errors
import pytest

from tests.docs.documents import ROOT

PACKAGES = ("clients/python/modicum", "service/server/modicum_server", "service/sis/modicum_sis")
GENERATED = frozenset({"v1", "generated"})
#: What holds the text of a failure until it is shown.
FAILURES = frozenset({"AuditFailure", "Failure", "ModelRefused", "TaskFailure"})
#: Names that begin with a capital, besides those with a second capital or a digit (PostgreSQL, HTTP, UTF-8).
NAMES = frozenset({"Landlock"})


def kinds(kind: type[Exception]) -> Iterator[type[Exception]]:
    yield kind
    for child in kind.__subclasses__():
        yield from kinds(child)


ROOTS = (modicum.errors.ModicumError, modicum_server.errors.ModicumError, modicum_sis.errors.SisError)
HOLDERS = FAILURES | {kind.__name__ for root in ROOTS for kind in kinds(root)}
#: Errors whose message is their docstring where nothing else is given.
DOCUMENTED = [kind for root in ROOTS for kind in kinds(root) if kind.__init__ is root.__init__]


def text_of(node: ast.expr) -> str:
    """The text of a literal, with X where a value stands; empty for any other expression."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text_of(part) if isinstance(part, ast.Constant) else "x" for part in node.values)
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def name_of(called: ast.expr) -> str:
    """The last name of what is called; empty where it has none."""
    return called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")


def messages(source: str) -> Iterator[tuple[int, str]]:
    """Lines and texts of the literal messages of errors: what is raised, or is made to be raised or stored."""
    tree = ast.parse(source)
    nodes = list(ast.walk(tree))
    named = texts_by_name(nodes)
    raised = {node.exc for node in nodes if isinstance(node, ast.Raise)}
    for call in (node for node in nodes if isinstance(node, ast.Call)):
        if call in raised or name_of(call.func) in HOLDERS:
            for argument in (*call.args, *(keyword.value for keyword in call.keywords)):
                texts = named.get(argument.id, ()) if isinstance(argument, ast.Name) else (text_of(argument),)
                yield from ((call.lineno, text) for text in texts if " " in text)


def texts_by_name(nodes: Sequence[ast.AST]) -> Mapping[str, Sequence[str]]:
    """The literals that are given to each name of a module."""
    texts: dict[str, list[str]] = {}
    for node in nodes:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            texts.setdefault(node.targets[0].id, []).append(text_of(node.value))
    return texts


def is_well_formed(text: str) -> bool:
    first = text.split(maxsplit=1)[0]
    named = first in NAMES or any(letter.isupper() or letter.isdigit() for letter in first[1:])
    return (named or not first[0].isupper()) and not (text.endswith(".") and not text.endswith("..."))


@pytest.mark.parametrize("package", PACKAGES)
def test_messages_begin_with_a_small_letter_and_end_without_a_full_stop(package):
    files = [path for path in (ROOT / package).rglob("*.py") if not GENERATED & set(path.parts)]

    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path in files
        for line, text in messages(path.read_text(encoding="utf-8"))
        if not is_well_formed(text)
    ]

    assert files
    assert found == []


@pytest.mark.parametrize("kind", DOCUMENTED, ids=lambda kind: f"{kind.__module__}.{kind.__name__}")
def test_a_docstring_becomes_a_message_of_that_form(kind):
    message = str(kind())

    assert message
    assert is_well_formed(message)


@pytest.mark.parametrize("text", ["The file is empty", "the file is empty.", "Expected 3 channels, got 4"])
def test_another_form_is_found(text):
    (found,) = messages(f"raise InvalidSource({text!r})")

    assert not is_well_formed(found[1])


def test_a_message_that_has_a_name_first_is_found():
    (found,) = messages("why = f'The file {name} is empty.'\nraise InvalidSource(why)")

    assert not is_well_formed(found[1])
