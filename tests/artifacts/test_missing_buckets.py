"""A bucket that is not there is named and never made: nobody would know of the new one."""

import sys

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.errors import DependencyUnavailable, FieldInvalid
from modicum_server.store.postgres import PostgresStore
from modicum_server.usecases.store_identity import Place, require_one_store

MISSING = "the bucket modicum-nowhere of the artifact store does not exist"


@pytest.fixture
def store(s3, tmp_path):
    return open_artifact_store("s3://modicum-nowhere/artifacts", spool=tmp_path / "spool")


def buckets(s3) -> list[str]:
    import boto3  # noqa: PLC0415  # slow, and of few tests

    return [one["Name"] for one in boto3.client("s3", endpoint_url=s3).list_buckets()["Buckets"]]


@pytest.mark.long
@pytest.mark.parametrize("use", [lambda store: store.ping(), lambda store: store.put(b"data")])
async def test_it_is_named_and_not_made(store, s3, use):
    with pytest.raises(DependencyUnavailable, match=MISSING):
        await use(store)

    assert "modicum-nowhere" not in buckets(s3)


@pytest.mark.long
async def test_no_process_starts_with_it(store, s3, database_url):
    records = PostgresStore(database_url)

    with pytest.raises(DependencyUnavailable, match=MISSING):
        await require_one_store(records, store, Place("postgresql://one/modicum", "s3://modicum-nowhere/artifacts"))

    await records.close()
    assert "modicum-nowhere" not in buckets(s3)


@pytest.mark.long
async def test_a_bucket_that_is_there_answers(bucket, tmp_path):
    await open_artifact_store(f"s3://{bucket}/artifacts", spool=tmp_path / "spool").ping()


@pytest.mark.long
async def test_an_address_at_which_nobody_answers_is_a_store_that_is_away(bucket, tmp_path, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    store = open_artifact_store(f"s3://{bucket}/elsewhere", spool=tmp_path / "spool")

    with pytest.raises(DependencyUnavailable):
        await store.put(b"data")


@pytest.mark.parametrize(
    ("scheme", "driver", "says"),
    [
        ("s3", "s3fs", "the driver of s3:// is not installed: pip install 'modicum-server[s3]'"),
        ("gs", "gcsfs", "the driver of gs:// is not installed: pip install 'modicum-server[gcs]'"),
        ("abfs", "adlfs", "the driver of abfs:// is not installed: pip install 'modicum-server[azure]'"),
        ("nowhere", "", "expected a folder, or a URL that fsspec knows, such as s3://bucket/prefix; got the scheme no"),
    ],
)
def test_a_driver_that_is_not_installed_is_named_with_its_package(monkeypatch, scheme, driver, says):
    monkeypatch.setitem(sys.modules, driver, None)
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, scheme, raising=False)  # imported already

    with pytest.raises(FieldInvalid) as refused:
        open_artifact_store(f"{scheme}://bucket/artifacts")

    assert str(refused.value).startswith(f"MODICUM_ARTIFACTS_URL: {says}")
