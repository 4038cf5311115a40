"""Artifacts."""

from modicum.v1 import artifact_pb2

from modicum_server.codec.timestamps import time_message
from modicum_server.domain.datasets import Artifact, UsedArtifact


def artifact_message(value: Artifact) -> artifact_pb2.Artifact:
    """Artifact."""
    return artifact_pb2.Artifact(
        name=f"{value.project}/artifacts/{value.digest}",
        digest=value.digest,
        size_bytes=value.size_bytes,
        create_time=time_message(value.create_time),
    )


def used_artifact_message(value: UsedArtifact) -> artifact_pb2.Artifact:
    """Artifact, with what refers to it."""
    message = artifact_message(value.artifact)
    message.used_by.extend(value.used_by)
    return message
