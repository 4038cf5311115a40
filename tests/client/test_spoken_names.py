"""Errors name arguments to whoever calls Python, and options to whoever runs a command."""

import asyncio
import inspect
from collections.abc import Iterator

import grpc
import pytest
import typer
from google.protobuf.descriptor import Descriptor
from modicum.audits import AsyncAudits
from modicum.cli.command import app
from modicum.errors import InvalidArgument
from modicum.models import AsyncModels
from modicum.spoken_names import by_command, in_arguments, in_options, in_python
from modicum.v1 import audit_pb2

from tests.client.scripted_service import VERSION


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("give --weights model.onnx", "give weights=model.onnx"),
        ("--weights photos: expected a file", "weights=photos: expected a file"),
        ("use --weights and --architecture", "use weights= and architecture="),
        ("with --class-labels FILE", "with class_labels=FILE"),
        ("modicum --input-dropout", "modicum --input-dropout"),
    ],
)
def test_an_option_becomes_an_argument(message, told):
    assert in_python(message) == told


def test_python_reads_arguments_and_a_command_reads_options(tmp_path):
    def refused():
        with pytest.raises(InvalidArgument) as caught:
            asyncio.run(AsyncModels(None).register("x", weights=tmp_path))
        return str(caught.value)

    assert refused().startswith(f"weights={tmp_path}: expected a file, got a folder")
    assert "with architecture=, or" in refused()
    with by_command():
        assert refused().startswith(f"--weights {tmp_path}: expected a file, got a folder")


@pytest.mark.parametrize(
    ("field", "argument"),
    [
        ("audit_id", "name"),
        ("audit.specification.model_versions", "models"),
        ("audit.specification.model_versions[1]", "models[1]"),
        ("audit.specification.dataset", "dataset"),
        ("audit.specification.out_of_distribution_dataset", "out_of_distribution"),
        ("audit.specification.counterfactual_dataset", "counterfactual"),
        ("audit.specification.searches", "thresholds and target_rules"),
        ("audit.specification.searches[1]", "thresholds and target_rules"),
        ("audit.specification.searches[1].threshold", "thresholds"),
        ("audit.specification.searches[0].pixels_per_step", "pixels_per_step"),
        ("audit.specification.searches[0].matched", "matched"),
        ("audit.specification.statistics.ratio_limit", "ratio_limit"),
        ("audit.specification.no_controls", "controls"),
        ("audit.specification.controls[0].images", "controls[0].images"),
        ("audit.specification.canvas.height", "canvas.height"),
        ("audit.specification.stopping.limits[0].measure", "stopping.limits[0].measure"),
    ],
)
def test_a_field_of_an_audit_becomes_an_argument(field, argument):
    assert in_arguments(f"{field}: expected less, got more") == f"{argument}: expected less, got more"


def test_every_field_of_a_specification_becomes_an_argument_of_create():
    fields = [field.name for field in audit_pb2.AuditSpecification.DESCRIPTOR.fields]
    told = {in_arguments(f"audit.specification.{field}") for field in fields} - {"statistics"}

    named = {word for text in told for word in text.split(" and ")}

    assert named <= set(inspect.signature(AsyncAudits.create).parameters)


def test_the_advice_to_choose_another_id_is_that_of_another_name():
    assert (
        in_arguments("this exists already; choose another `audit_id`") == "this exists already; choose another `name`"
    )


SPECIFICATION = "audit.specification"
#: Fields that no command has an option for: the size of the canvas, and what `modicum ensemble check` sets itself.
WITHOUT_OPTION = {f"{SPECIFICATION}.canvas.{name}" for name in ("channels", "height", "width")} | {
    f"{SPECIFICATION}.searches.matched"
}


def options_of(command: str) -> set[str]:
    """The options of a command, by its words."""
    found = typer.main.get_command(app)
    for word in command.split():
        found = found.commands[word]
    return {name for parameter in found.params for name in parameter.opts}


COMMANDS = [options_of(name) for name in ("audit", "audits create", "ensemble check")]


def leaves(message: Descriptor, path: str) -> Iterator[str]:
    for field in message.fields:
        inner = f"{path}.{field.name}"
        yield from leaves(field.message_type, inner) if field.message_type else (inner,)


def test_every_field_of_a_specification_becomes_an_option_of_a_command_that_has_one():
    fields = set(leaves(audit_pb2.AuditSpecification.DESCRIPTOR, SPECIFICATION))
    told = {field: {in_options(field, options) for options in COMMANDS} - {field} for field in fields}

    assert {field for field, options in told.items() if not options} == WITHOUT_OPTION
    assert set.union(*told.values()) <= set.union(*COMMANDS)


@pytest.mark.parametrize(
    ("command", "message", "says"),
    [
        ("audit", "audit.specification.sample: expected less", "--sample: expected less"),
        ("audit", "audit.specification.searches[1].pixels_per_step: no", "--pixels-per-step: no"),
        ("audit", "audit.specification.searches[1]: twice", "--threshold and --target-rule: twice"),
        ("audit", "audit.specification.stopping.limits[0].measure: no", "--stopping: no"),
        ("audit", "see audit.specification.statistics.level.", "see --level."),
        ("audit", "audit.specification.model_versions[1]: no", "audit.specification.model_versions[1]: no"),
        ("audits create", "audit.specification.model_versions[1]: no", "--model: no"),
        ("audits create", "choose another `audit_id`", "choose another --name"),
        ("audit", "audit.specification.canvas.height: no", "audit.specification.canvas.height: no"),
        ("ensemble check", "audit.specification.searches[0].method: no", "audit.specification.searches[0].method: no"),
        (
            "ensemble check",
            "audit.specification.searches[3].matched: no",
            "audit.specification.searches[3].matched: no",
        ),
    ],
)
def test_a_field_of_an_audit_becomes_an_option_of_the_command_only_if_it_has_that_option(command, message, says):
    assert in_options(message, options_of(command)) == says


def test_a_refusal_of_the_service_names_the_option_of_the_command_that_runs(shell, script):
    violation = ("audit.specification.sample", "expected at most 2, got 3")
    script.steps["CreateAudit"] = [(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", {}, [violation])]

    done = shell(f"modicum audits create --model {VERSION} --dataset d --sample 3")

    assert done.returncode == 2
    assert "--sample: expected at most 2, got 3" in done.stderr
    assert "audit.specification" not in done.stderr


def test_the_refusal_of_a_new_audit_names_arguments_to_python_and_fields_to_a_command(client, script):
    violation = ("audit.specification.model_versions", "expected 1 to 16 versions, got none")
    script.steps["CreateAudit"] = [(grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID", {}, [violation])] * 2

    def refused():
        with pytest.raises(InvalidArgument) as caught:
            client.audits.create(models=[VERSION], dataset="d", thresholds=[0.9])
        return str(caught.value)

    assert refused() == "the message; models: expected 1 to 16 versions, got none"
    with by_command():
        assert "audit.specification.model_versions: expected 1 to 16 versions" in refused()
