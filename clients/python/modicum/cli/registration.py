"""How functions become commands: groups of options, exit codes, and the place of --help on the page."""

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from inspect import Parameter, Signature
from typing import Any, get_type_hints

import typer
from typer.core import TyperCommand, TyperGroup

from modicum.cli.consoles import print_error
from modicum.cli.exit_codes import guarded
from modicum.cli.help_pages import hide_types
from modicum.cli.options import FLAG, OUTPUT, Project
from modicum.cli.renamed_options import Renaming
from modicum.projects import in_project
from modicum.spoken_names import by_command

Function = Callable[..., None]


class Command(TyperCommand):
    """A command that lists --help under the heading of its output options, and arguments without braces and types.

    It takes an option that was renamed by its old name, too, and says so on stderr.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        hide_types(self.params)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments."""
        renaming = Renaming({name for parameter in self.params for name in parameter.opts})
        ctx.token_normalize_func = renaming.new_name
        rest = super().parse_args(ctx, args)
        for note in renaming.notes:
            print_error(note)
        return rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; messages name its options."""
        with by_command(name for parameter in self.params for name in parameter.opts):
            return super().invoke(ctx)

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """The parts of the usage line."""
        return [piece.removesuffix("...").strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def get_help_option(self, ctx: Any) -> Any:
        """The option --help."""
        return _as_flag(super().get_help_option(ctx), OUTPUT)


class Group(TyperGroup):
    """A group of commands that lists --help like any other flag."""

    def get_help_option(self, ctx: Any) -> Any:
        """The option --help."""
        return _as_flag(super().get_help_option(ctx), None)


def command(
    app: typer.Typer, name: str | None = None, *, server: bool = True, kind: type[Command] = Command
) -> Callable[[Function], Function]:
    """Make the function a command of `app`, named after it unless `name` is given.

    A parameter whose type is a dataclass is a group: each of its fields becomes a parameter of the command, and a field
    that is a group itself gives its own. A command that calls a `server` has the option --project. `kind` parses the
    arguments.
    """

    def register(function: Function) -> Function:
        run = with_options(function)
        return app.command(name, cls=kind, help=_help_of(function))(guarded(with_project(run) if server else run))

    return register


def with_project(function: Function) -> Function:
    """The function with the option --project, which takes the place of MODICUM_PROJECT while it runs."""
    parameters = [
        *inspect.signature(function).parameters.values(),
        Parameter("project", Parameter.KEYWORD_ONLY, default="", annotation=Project),
    ]

    @functools.wraps(function)
    def run(*, project: str = "", **given: Any) -> None:
        with in_project(project):
            function(**given)

    return _with_parameters(run, parameters)


def with_options(function: Function) -> Function:
    """The function with the fields of its groups as parameters; it makes each group when it is called."""
    hints = get_type_hints(function, include_extras=True)
    groups = {name: kind for name, kind in hints.items() if _is_group(kind)}
    parameters: list[Parameter] = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name in groups:
            parameters += _parameters(groups[parameter.name])
        else:
            parameters.append(parameter.replace(annotation=hints[parameter.name]))

    @functools.wraps(function)
    def run(**given: Any) -> None:
        made = {name: _made(kind, given) for name, kind in groups.items()}
        function(**given, **made)

    return _with_parameters(run, parameters)


def _with_parameters(function: Function, parameters: Sequence[Parameter]) -> Function:
    function.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    vars(function)["__signature__"] = Signature(parameters)
    return function


def _help_of(function: Function) -> str:
    """The docstring with each paragraph on one line: a help page has its own width."""
    paragraphs = (inspect.getdoc(function) or "").split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _is_group(kind: Any) -> bool:
    return isinstance(kind, type) and is_dataclass(kind)


def _made(group: type[Any], given: dict[str, Any]) -> Any:
    """The group, with its values taken out of those that were given."""
    hints = get_type_hints(group, include_extras=True)
    names = [option.name for option in fields(group)]
    return group(**{name: _made(hints[name], given) if _is_group(hints[name]) else given.pop(name) for name in names})


def _parameters(group: type[Any]) -> Iterator[Parameter]:
    """The parameters of a group's fields; an argument has no default."""
    hints = get_type_hints(group, include_extras=True)
    for option in fields(group):
        hint = hints[option.name]
        if _is_group(hint):
            yield from _parameters(hint)
        else:
            yield Parameter(option.name, Parameter.KEYWORD_ONLY, default=_default(option), annotation=hint)


def _default(option: Field[Any]) -> Any:
    if option.default_factory is not MISSING:
        return option.default_factory()
    return Parameter.empty if option.default is MISSING else option.default


def _as_flag(option: Any, heading: str | None) -> Any:
    if option is not None:
        option.metavar, option.rich_help_panel = FLAG, heading
    return option
