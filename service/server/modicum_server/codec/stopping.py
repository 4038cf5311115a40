"""How an audit may end early."""

from modicum.v1 import audit_pb2

from modicum_server.domain.stopping import ShareLimit, Stopping


def stopping_message(value: Stopping) -> audit_pb2.Stopping:
    """Stopping."""
    return audit_pb2.Stopping(
        limits=[_limit_message(limit) for limit in value.limits],
        within_ends=value.within_ends,
        least_eligible_images=value.least_eligible_images,
    )


def stopping_value(message: audit_pb2.Stopping) -> Stopping:
    """Stopping."""
    return Stopping(
        limits=tuple(_limit_value(limit) for limit in message.limits),
        within_ends=message.within_ends,
        least_eligible_images=message.least_eligible_images,
    )


def _limit_message(value: ShareLimit) -> audit_pb2.ShareLimit:
    return audit_pb2.ShareLimit(
        measure=value.measure,
        search_index=value.search_index,
        at_most=value.at_most,
        at_least=value.at_least,
        error=value.error,
        class_label=value.class_label,
    )


def _limit_value(message: audit_pb2.ShareLimit) -> ShareLimit:
    """A limit. 0 as its error means the default."""
    given = {field.name: value for field, value in message.ListFields()}
    return ShareLimit(measure=given.pop("measure", ""), **given)
