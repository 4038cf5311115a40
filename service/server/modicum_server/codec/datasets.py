"""Data sets, their items, artifacts and projects."""

from modicum.v1 import artifact_pb2, dataset_pb2, project_pb2

from modicum_server.codec.enums import enum_number
from modicum_server.codec.times import time_message
from modicum_server.domain.datasets import Artifact, Dataset, DatasetItem
from modicum_server.domain.projects import Project, Role


def dataset_message(value: Dataset) -> dataset_pb2.Dataset:
    """Data set."""
    return dataset_pb2.Dataset(
        name=value.name,
        manifest_digest=value.manifest_digest,
        item_count=value.item_count,
        labelled_count=value.labelled_count,
        create_time=time_message(value.create_time),
    )


def item_message(value: DatasetItem) -> dataset_pb2.DatasetItem:
    """Item of a data set."""
    return dataset_pb2.DatasetItem(
        item=value.item,
        image_digest=value.image_digest,
        label=value.label,
        boxes_digest=value.boxes_digest,
        mask_digest=value.mask_digest,
    )


def artifact_message(value: Artifact) -> artifact_pb2.Artifact:
    """Artifact."""
    return artifact_pb2.Artifact(
        name=f"{value.project}/artifacts/{value.digest}",
        digest=value.digest,
        size_bytes=value.size_bytes,
        create_time=time_message(value.create_time),
    )


def project_message(value: Project, role: Role | None) -> project_pb2.Project:
    """Project, with the caller's role."""
    number = enum_number(project_pb2.Project.Role, "ROLE", role)
    return project_pb2.Project(name=value.name, create_time=time_message(value.create_time), role=number)
