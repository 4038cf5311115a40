"""Erasures."""

from modicum.v1 import erasure_pb2

from modicum_server.codec.enums import enum_number
from modicum_server.codec.timestamps import time_message
from modicum_server.domain.erasures import ErasedResult, Erasure


def erasure_message(value: Erasure) -> erasure_pb2.Erasure:
    """Erasure, with its receipt."""
    receipt = value.receipt
    return erasure_pb2.Erasure(
        name=value.name,
        image_digest=value.image_digest,
        state=enum_number(erasure_pb2.Erasure.State, "STATE", value.state),
        principal=value.principal,
        create_time=time_message(value.create_time),
        end_time=time_message(value.end_time),
        items=[erasure_pb2.Erasure.Item(dataset=one.dataset, item=one.item) for one in receipt.items],
        findings=receipt.findings,
        predictions=receipt.predictions,
        spot_rows=receipt.spot_rows,
        reviews=receipt.reviews,
        swaps=receipt.swaps,
        verdicts=receipt.verdicts,
        results=[_result_message(one) for one in receipt.results],
        artifacts=receipt.artifacts,
        kept_for=receipt.kept_for,
    )


def _result_message(value: ErasedResult) -> erasure_pb2.Erasure.Result:
    return erasure_pb2.Erasure.Result(
        audit=value.audit,
        outcome=enum_number(erasure_pb2.Erasure.Result.Outcome, "OUTCOME", value.outcome),
        images=value.images,
        result_digest_before=value.result_digest_before,
        result_digest=value.result_digest,
        findings_digest_before=value.findings_digest_before,
        findings_digest=value.findings_digest,
    )
