"""Models and versions."""

from modicum.v1 import model_pb2, verdict_pb2

from modicum_server.codec.enums import enum_number, enum_value
from modicum_server.codec.records import message_of, record_of
from modicum_server.codec.timestamps import time_message, time_value
from modicum_server.domain.models import (
    Combine,
    Endpoint,
    Ensemble,
    Executable,
    ExecutableKind,
    InputDropout,
    InputSpecification,
    Model,
    ModelCheck,
    ModelVerdict,
    ModelVersion,
    OutputKind,
    Source,
    VersionState,
    Weights,
)


def model_message(value: Model) -> model_pb2.Model:
    """Model."""
    return model_pb2.Model(
        name=value.name,
        create_time=time_message(value.create_time),
        latest_version=value.latest_version,
        latest_version_state=_state(value.latest_version_state),
        latest_ready_version=value.latest_ready_version,
        newest_verdict=None if value.newest_verdict is None else _verdict_message(value.newest_verdict),
    )


def _verdict_message(value: ModelVerdict) -> model_pb2.ModelVerdict:
    return model_pb2.ModelVerdict(
        name=value.name,
        audit=value.audit,
        model_versions=value.model_versions,
        outcome=enum_number(verdict_pb2.Verdict.Outcome, "OUTCOME", value.outcome),
        create_time=time_message(value.create_time),
    )


def _state(value: VersionState | None) -> "model_pb2.ModelVersion.State.ValueType":
    if value is None:
        return model_pb2.ModelVersion.STATE_UNSPECIFIED
    return model_pb2.ModelVersion.State.Value(f"STATE_{value.name}")


def input_message(value: InputSpecification) -> model_pb2.InputSpecification:
    """Input specification."""
    return message_of(value, model_pb2.InputSpecification)


def input_value(message: model_pb2.InputSpecification) -> InputSpecification:
    """Input specification."""
    return record_of(message, InputSpecification)


def put_source(message: model_pb2.ModelVersion, source: Source) -> None:
    """Set the `source` of a version's message."""
    match source:
        case Weights():
            message.weights.CopyFrom(message_of(source, model_pb2.Weights))
        case Executable(kind=ExecutableKind.EXPORTED):
            message.exported.CopyFrom(model_pb2.Executable(digest=source.digest))
        case Executable():
            message.torchscript.CopyFrom(model_pb2.Executable(digest=source.digest))
        case Ensemble():
            combine = enum_number(model_pb2.Combine, "COMBINE", source.combine)
            message.ensemble.CopyFrom(model_pb2.Ensemble(members=source.members, combine=combine))
        case InputDropout():
            wrapper = model_pb2.InputDropout(
                member=source.member,
                keep_probability=source.keep_probability,
                samples=source.samples,
                seed=source.seed,
            )
            message.input_dropout.CopyFrom(wrapper)
        case Endpoint():
            kind = enum_number(model_pb2.OutputKind, "OUTPUT_KIND", source.output_kind)
            message.endpoint.CopyFrom(model_pb2.Endpoint(name=source.name, claim=source.claim, output_kind=kind))


def source_value(message: model_pb2.ModelVersion) -> Source | None:
    """Return the `source` of a version's message, None if it is unset."""
    match message.WhichOneof("source"):
        case "weights":
            return record_of(message.weights, Weights)
        case "exported":
            return Executable(digest=message.exported.digest, kind=ExecutableKind.EXPORTED)
        case "torchscript":
            return Executable(digest=message.torchscript.digest, kind=ExecutableKind.TORCHSCRIPT)
        case "ensemble":
            combine = enum_value(model_pb2.Combine, "COMBINE", message.ensemble.combine, Combine)
            return Ensemble(members=tuple(message.ensemble.members), combine=combine or Combine.MEAN_LOGITS)
        case "input_dropout":
            wrapper = message.input_dropout
            return InputDropout(
                member=wrapper.member,
                keep_probability=wrapper.keep_probability,
                samples=wrapper.samples,
                seed=wrapper.seed,
            )
        case "endpoint":
            kind = enum_value(model_pb2.OutputKind, "OUTPUT_KIND", message.endpoint.output_kind, OutputKind)
            return Endpoint(message.endpoint.name, message.endpoint.claim, kind)
    return None


def version_message(
    value: ModelVersion, *, waits_for_worker: bool = False, failed_try: str = ""
) -> model_pb2.ModelVersion:
    """Model version. What its check waits for, and why a try of it failed, are not stored with it."""
    message = model_pb2.ModelVersion(
        name=value.name,
        input=None if value.input is None else input_message(value.input),
        class_labels=value.class_labels,
        digest=value.digest,
        state=_state(value.state),
        reject_reason=value.reject_reason,
        reject_detail=value.reject_detail,
        create_time=time_message(value.create_time),
        check_time=time_message(value.check_time),
        principal=value.principal,
        waits_for_worker=waits_for_worker,
        failed_try=failed_try,
    )
    put_source(message, value.source)
    if value.check is not None:
        message.class_count = value.check.class_count
        message.output_kind = enum_number(model_pb2.OutputKind, "OUTPUT_KIND", value.check.output_kind)
        message.useful_gradient = value.check.useful_gradient
        message.pass_milliseconds = value.check.pass_milliseconds
    return message


def check_value(message: model_pb2.ModelVersion) -> ModelCheck | None:
    """Return what a check found, None for a version that was not checked."""
    output_kind = enum_value(model_pb2.OutputKind, "OUTPUT_KIND", message.output_kind, OutputKind)
    if output_kind is None:
        return None
    return ModelCheck(
        class_count=message.class_count,
        output_kind=output_kind,
        useful_gradient=message.useful_gradient,
        pass_milliseconds=message.pass_milliseconds,
    )


def version_value(message: model_pb2.ModelVersion) -> ModelVersion:
    """Model version. Its source must be set."""
    source = source_value(message)
    assert source is not None, "callers check the source first"
    state = enum_value(model_pb2.ModelVersion.State, "STATE", message.state, VersionState)
    return ModelVersion(
        name=message.name,
        source=source,
        input=input_value(message.input) if message.HasField("input") else None,
        class_labels=tuple(message.class_labels),
        digest=message.digest,
        state=state or VersionState.PENDING,
        create_time=time_value(message.create_time),
        check=check_value(message),
        check_time=time_value(message.check_time) if message.HasField("check_time") else None,
        reject_reason=message.reject_reason,
        reject_detail=message.reject_detail,
        principal=message.principal,
    )
