"""Where artifacts are in tests: a folder, what fsspec keeps in memory, and a bucket of an emulated S3 (moto)."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.tiers import long

PLACES = ("folder", "memory", long("bucket"))
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def s3_address() -> Iterator[str]:
    """The address of an emulated S3, on loopback."""
    from moto.server import ThreadedMotoServer  # noqa: PLC0415  # slow, and of few tests

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def s3(s3_address: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """The same, with the variables by which drivers find it."""
    import s3fs  # noqa: PLC0415  # slow, and of few tests

    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": s3_address}.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()  # drivers with other variables
    return s3_address


@pytest.fixture
def bucket(s3: str) -> str:
    """The name of an empty bucket."""
    import boto3  # noqa: PLC0415  # slow, and of few tests

    name = f"modicum-{uuid.uuid4().hex}"
    boto3.client("s3", endpoint_url=s3).create_bucket(Bucket=name)
    return name


@pytest.fixture(params=PLACES)
def artifacts_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an artifact store, at each place in turn."""
    if request.param == "folder":
        return str(tmp_path / "artifacts")
    if request.param == "memory":
        return f"memory://{uuid.uuid4().hex}/artifacts"
    return f"s3://{request.getfixturevalue('bucket')}/artifacts"
