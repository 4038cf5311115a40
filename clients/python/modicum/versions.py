"""Models and their immutable versions, and their messages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from modicum.gate.verdict import Outcome
from modicum.sources.inputs import InputSpecification
from modicum.timestamps import optional_time, time_value
from modicum.v1 import model_pb2, verdict_pb2


class Combine(StrEnum):
    """How an ensemble combines the outputs of its members."""

    MEAN_LOGITS = "mean_logits"
    MEAN_PROBABILITIES = "mean_probabilities"


class VersionState(StrEnum):
    """The state of a version."""

    PENDING = "PENDING"
    READY = "READY"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVerdict:
    """The newest stored verdict on versions of a model, in short. `client.verdicts.get(name)` has the whole.

    `audit` is the judged audit. `model_versions` are all that were judged, also those of other models.
    """

    name: str
    audit: str
    model_versions: tuple[str, ...]
    outcome: Outcome
    create_time: datetime


@dataclass(frozen=True, slots=True)
class Model:
    """A name under which versions are registered. It stands for its newest version that is READY.

    `latest_version` is the newest, whatever its state. Without versions, names are empty and the state is None.
    `newest_verdict` is None if no verdict on any version is stored; servers of earlier releases do not tell it.
    """

    name: str
    latest_version: str
    create_time: datetime
    latest_version_state: VersionState | None = None
    latest_ready_version: str = ""
    newest_verdict: ModelVerdict | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """An immutable version of a model. The fields from `class_count` on are empty until the version is READY.

    `source` is weights, exported, torchscript, ensemble, input_dropout or endpoint. `architecture` is that of the
    weights, and `configuration` the JSON text that it is built from beside its name. `parts` are the versions that an
    ensemble or an input-dropout version is made of. `endpoint` is the name of the operator's entry, and `claim` the
    SHA-256 of the endpoint's own description: the server has not seen its weights. `waits_for_worker`: it is PENDING,
    and no worker is there that could check it. `failed_try`: it is PENDING, and this is why the last try of its check
    failed. Lists do not tell these two.
    """

    name: str
    source: str
    architecture: str
    parts: tuple[str, ...]
    input: InputSpecification | None
    class_labels: tuple[str, ...] = field(repr=False)  # ImageNet has a thousand: a cell would show nothing else
    digest: str
    state: VersionState
    reject_reason: str
    reject_detail: str
    class_count: int
    output_kind: str
    useful_gradient: bool
    pass_milliseconds: float
    create_time: datetime
    check_time: datetime | None
    principal: str = ""
    configuration: str = ""
    waits_for_worker: bool = False
    failed_try: str = ""
    endpoint: str = ""
    claim: str = ""

    def class_name(self, index: int | None) -> str:
        """The label of a class; its index if it has no label; empty for None."""
        if index is None:
            return ""
        return self.class_labels[index] if index < len(self.class_labels) else str(index)


def model_value(message: model_pb2.Model) -> Model:
    """The model in a message."""
    return Model(
        name=message.name,
        latest_version=message.latest_version,
        create_time=time_value(message.create_time),
        latest_version_state=_state(message.latest_version_state) if message.latest_version_state else None,
        latest_ready_version=message.latest_ready_version,
        newest_verdict=_verdict(message.newest_verdict) if message.HasField("newest_verdict") else None,
    )


def _verdict(message: model_pb2.ModelVerdict) -> ModelVerdict:
    return ModelVerdict(
        name=message.name,
        audit=message.audit,
        model_versions=tuple(message.model_versions),
        outcome=outcome_value(message.outcome),
        create_time=time_value(message.create_time),
    )


def outcome_value(number: "verdict_pb2.Verdict.Outcome.ValueType") -> Outcome:
    """The outcome of a number. One of a later release is INCONCLUSIVE: what is not known never counts as passed."""
    known = number in verdict_pb2.Verdict.Outcome.values()
    name = verdict_pb2.Verdict.Outcome.Name(number).removeprefix("OUTCOME_") if known else ""
    return Outcome.__members__.get(name, Outcome.INCONCLUSIVE)


def _state(number: "model_pb2.ModelVersion.State.ValueType") -> VersionState:
    return VersionState(model_pb2.ModelVersion.State.Name(number).removeprefix("STATE_"))


def version_value(message: model_pb2.ModelVersion) -> ModelVersion:
    """The version in a message."""
    output_kind = model_pb2.OutputKind.Name(message.output_kind).removeprefix("OUTPUT_KIND_").lower()
    return ModelVersion(
        name=message.name,
        source=message.WhichOneof("source") or "",
        architecture=message.weights.architecture,
        parts=_parts(message),
        input=_input_value(message.input) if message.HasField("input") else None,
        class_labels=tuple(message.class_labels),
        digest=message.digest,
        state=_state(message.state),
        reject_reason=message.reject_reason,
        reject_detail=message.reject_detail,
        class_count=message.class_count,
        output_kind="" if output_kind == "unspecified" else output_kind,
        useful_gradient=message.useful_gradient,
        pass_milliseconds=message.pass_milliseconds,
        create_time=time_value(message.create_time),
        check_time=optional_time(message.check_time, present=message.HasField("check_time")),
        principal=message.principal,
        configuration=message.weights.configuration,
        waits_for_worker=message.waits_for_worker,
        failed_try=message.failed_try,
        endpoint=message.endpoint.name,
        claim=message.endpoint.claim,
    )


def version_message(
    *,
    kind: str,
    digest: str,
    architecture: str,
    configuration: str = "",
    specification: InputSpecification,
    class_labels: tuple[str, ...],
) -> model_pb2.ModelVersion:
    """The message that registers a file as a version. `kind` is weights, exported or torchscript."""
    message = model_pb2.ModelVersion(input=_input_message(specification), class_labels=class_labels)
    if kind == "weights":
        message.weights.CopyFrom(
            model_pb2.Weights(digest=digest, architecture=architecture, configuration=configuration)
        )
    else:
        getattr(message, kind).CopyFrom(model_pb2.Executable(digest=digest))
    return message


def endpoint_message(
    endpoint: str, specification: InputSpecification, class_labels: tuple[str, ...]
) -> model_pb2.ModelVersion:
    """The message that registers an endpoint."""
    served = model_pb2.Endpoint(name=endpoint)
    return model_pb2.ModelVersion(endpoint=served, input=_input_message(specification), class_labels=class_labels)


def ensemble_message(members: Sequence[str], combine: Combine) -> model_pb2.ModelVersion:
    """The message that registers an ensemble."""
    rule = model_pb2.Combine.Value(f"COMBINE_{combine.name}")
    return model_pb2.ModelVersion(ensemble=model_pb2.Ensemble(members=members, combine=rule))


def input_dropout_message(member: str, *, keep_probability: float, samples: int, seed: int) -> model_pb2.ModelVersion:
    """The message that registers an input-dropout version."""
    wrapper = model_pb2.InputDropout(member=member, keep_probability=keep_probability, samples=samples, seed=seed)
    return model_pb2.ModelVersion(input_dropout=wrapper)


def _parts(message: model_pb2.ModelVersion) -> tuple[str, ...]:
    match message.WhichOneof("source"):
        case "ensemble":
            return tuple(message.ensemble.members)
        case "input_dropout":
            return (message.input_dropout.member,)
    return ()


def _input_message(value: InputSpecification) -> model_pb2.InputSpecification:
    return model_pb2.InputSpecification(
        channels=value.channels,
        height=value.height,
        width=value.width,
        lower_bound=value.lower_bound,
        upper_bound=value.upper_bound,
        resize=value.resize,
        interpolation=value.interpolation,
        mean=value.mean,
        std=value.std,
        fill_mean=value.fill_mean,
        stretched=value.stretched,
        crop_rounded_down=value.crop_rounded_down,
    )


def _input_value(message: model_pb2.InputSpecification) -> InputSpecification:
    return InputSpecification(
        channels=message.channels,
        height=message.height,
        width=message.width,
        lower_bound=message.lower_bound,
        upper_bound=message.upper_bound,
        resize=message.resize,
        interpolation=message.interpolation,
        mean=tuple(message.mean),
        std=tuple(message.std),
        fill_mean=tuple(message.fill_mean),
        stretched=message.stretched,
        crop_rounded_down=message.crop_rounded_down,
    )
