"""An option of the command, an argument in Python and a field of the JSON have one name, except those named here.

Hyphens stand for underscores. An option that may be repeated has the singular of the argument's list, and `--no-x` is
the negative of `x`.
"""

import inspect

import pytest
import typer
from google.api import field_behavior_pb2
from modicum import Client
from modicum.cli.command import app
from modicum.client import Audits, Datasets, Models
from modicum.gate.schemas import POLICY, schema_of
from modicum.v1 import audit_pb2, model_pb2, search_pb2

#: By a command, what takes its options as arguments in Python.
TWINS = {
    "audit": (Client, Models.register, Datasets.upload, Audits.create),
    "audits create": (Client, Audits.create),
    "gate": (Client, Models.register, Datasets.upload, Client.gate),
    "ensemble check": (Client, Models.ensemble, Datasets.upload, Audits.create),
    "models create": (Client, Models.register),
    "models ensemble": (Client, Models.ensemble),
    "models input-dropout": (Client, Models.input_dropout),
    "datasets create": (Client, Datasets.upload),
    "plan": (Client, Client.gate),
}
#: What takes options as arguments, by its name.
CALLS = {one.__qualname__: one for twins in TWINS.values() for one in twins[1:]}
PRINTED = "what a command prints; a method returns its value"
#: Options that no method in Python has, with the reason.
OF_THE_COMMAND_ALONE = {
    "--json": PRINTED,
    "--quiet": PRINTED,
    "--verbose": PRINTED,
    "--output": "files that a command writes; in Python audit.report() and verdict.document() give their content",
    "--result": "files that the gate writes beside the verdict's; audit.report() gives their content",
    "--exit-zero": "an exit code; a method returns the verdict",
    "--save": "the gate judges on this machine unless told to store the verdict; client.gate always stores it",
    "--promote": "an alias in a registry of models, which Python asks by its own client",
    "--budget": "time for a whole command, from its start; a program bounds its calls by `timeout_seconds`",
    "--out-of-distribution-labels": "the second data set of a command; in Python it is uploaded with its photo_labels",
    "--class-count": "a plan is made by the command alone; a version's JSON has `class_count`",
    "--model": "a plan is made by the command alone; `modicum audits create` names a version so, too",
    "--passes-a-second": "a plan is made by the command alone; its JSON has `passes_a_second`",
}
#: Arguments in Python that no option has, with the reason.
OF_PYTHON_ALONE = {
    "source": "the argument PHOTOS",
    "member": "the argument of `modicum models input-dropout`",
    "baseline": "the policy of `modicum gate` names it",
    "progress": "a callback; the command shows progress unless --quiet",
    "timeout_seconds": "a command waits until it is done, or for --budget",
    "canvas": "a size that only a program can know for versions of several sizes; the command takes the default",
    "matched": "`modicum ensemble check` sets it",
}
RESOURCE = "holds the name of a resource, and says of which kind; the command and Python also take the thing itself"
#: Fields of the JSON that no argument in Python is called as, with the reason.
OF_THE_JSON_ALONE = {
    "model_versions": f"{RESOURCE}: `models`",
    "counterfactual_dataset": f"{RESOURCE}: `counterfactual`",
    "out_of_distribution_dataset": f"{RESOURCE}: `out_of_distribution`",
    "searches": "made from thresholds, target rules and the settings that all searches of an audit share",
    "statistics": "groups `level`, `alpha`, `ratio_limit` and `accuracy_limit`, which are arguments of their own",
    "ensemble": "a version of this kind has a method and a command of its own, `models ensemble`",
    "input_dropout": "a version of this kind has a method and a command of its own, `models input-dropout`",
    "digest": "of the file that an argument names",
    "configuration": "read from the folder that `model` names",
    "name": "a resource's own name, which the server completes",
}
STORED = "a policy is a file that people keep, so its keys stay"
#: Keys under `audit` of a policy that no argument in Python is called as, with the reason.
OF_THE_POLICY_ALONE = {
    "threshold": f"one value or a list; {STORED}",
    "target": f"one value or a list, of `target_rules`; {STORED}",
}
#: Lists whose name has no singular, with the reason.
WITHOUT_SINGULAR = {"stopping": "the JSON and policies call all limits together so"}

SPECIFICATION = (audit_pb2.AuditSpecification, search_pb2.Search, audit_pb2.Statistics)
REGISTRATION = (model_pb2.ModelVersion, model_pb2.Weights, model_pb2.Ensemble, model_pb2.InputDropout)


def options_of(command):
    """By the long names of a command's options, how they are called in Python by the rule."""
    found = typer.main.get_command(app)
    for name in command.split():
        found = found.commands[name]
    options = [one for one in found.params if one.param_type_name == "option" and one.name != "help"]
    return {one.opts[0]: in_python(one.opts[0], repeated=one.multiple) for one in options}


def in_python(option, *, repeated):
    word = option.removeprefix("--").removeprefix("no-").replace("-", "_")
    return f"{word}s" if repeated and word not in WITHOUT_SINGULAR else word


def arguments_of(*callables):
    """The arguments in Python, without those of the object itself."""
    return {name for one in callables for name in inspect.signature(one).parameters} - {"self"}


def given_fields(*messages):
    """The fields that a caller fills, as the rule calls their arguments: a field of each search is one of a list."""
    fields = [field for message in messages for field in message.DESCRIPTOR.fields]
    told = field_behavior_pb2.OUTPUT_ONLY
    names = {
        field.name for field in fields if told not in field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    }
    return {name.removeprefix("no_") for name in names}


@pytest.mark.parametrize("command", TWINS)
def test_an_option_is_called_as_its_argument_in_python(command):
    arguments = arguments_of(*TWINS[command])

    assert {name for name, called in options_of(command).items() if called not in arguments} <= set(
        OF_THE_COMMAND_ALONE
    )


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_an_argument_in_python_is_called_as_an_option_or_an_argument_of_the_command(call):
    options = {called for command in TWINS for called in options_of(command).values()}

    assert arguments_of(call) - options <= set(OF_PYTHON_ALONE)


@pytest.mark.parametrize(
    ("messages", "calls"),
    [
        (SPECIFICATION, (Audits.create,)),
        (REGISTRATION, (Models, Models.register, Models.ensemble, Models.input_dropout)),
    ],
)
def test_a_field_of_the_json_is_called_as_its_argument_in_python(messages, calls):
    arguments = arguments_of(*calls)

    assert {name for name in given_fields(*messages) if not {name, f"{name}s"} & arguments} <= set(OF_THE_JSON_ALONE)


def test_a_key_of_a_policy_is_called_as_its_argument_in_python():
    keys = set(schema_of(POLICY)["properties"]["audit"]["properties"])

    assert keys - arguments_of(Audits.create) == set(OF_THE_POLICY_ALONE)


def test_the_tables_name_nothing_that_follows_the_rule_or_is_gone():
    options = {name for command in TWINS for name in options_of(command)}
    arguments = arguments_of(*(one for twins in TWINS.values() for one in twins))

    assert set(OF_THE_COMMAND_ALONE) <= options
    assert set(OF_PYTHON_ALONE) <= arguments - {called for command in TWINS for called in options_of(command).values()}
    assert set(OF_THE_JSON_ALONE) <= given_fields(*SPECIFICATION, *REGISTRATION)
    assert set(WITHOUT_SINGULAR) <= arguments
