"""Artifacts as bytes: resumed uploads, refusals before anything is read, ranges."""

import asyncio
import hashlib
import http.client
import socket
from contextlib import suppress

import grpc
import pytest
from modicum_server.artifacts.uploads import PartialUpload
from prometheus_client import generate_latest

from tests.rest.rest_stage import PROJECT, TOKENS
from tests.rest.two_doors import by_grpc
from tests.waiting import until

DATA = bytes(range(256)) * 20_000
DIGEST = hashlib.sha256(DATA).hexdigest()
PLACE = f"/v1/{PROJECT}/artifacts/{DIGEST}"


def head(length: int, place: str = PLACE) -> bytes:
    lines = f"PUT {place} HTTP/1.1\nHost: x\nAuthorization: Bearer {TOKENS['admin']}\nContent-Length: {length}\n\n"
    return lines.replace("\n", "\r\n").encode()


async def received(served, digest=DIGEST):
    found = await served.rest().ask("POST", f"/v1/{PROJECT}/artifacts:findMissing", {"digests": [digest]})
    missing = found.json["missing"]
    return int(missing[0]["receivedBytes"]) if missing else None


async def until_received(served, size):
    """Wait until so many bytes of an upload have come."""

    async def enough():
        return (await received(served) or 0) >= size

    await until(enough, f"{size} bytes")


async def test_an_artifact_is_downloaded_as_it_was_uploaded(served):
    rest = served.rest()
    put = await rest.ask("PUT", PLACE, raw=DATA)
    got = await rest.ask("GET", f"{PLACE}:download")
    reported = await rest.ask("GET", PLACE)

    assert (put.status, put.json["sizeBytes"]) == (200, str(len(DATA)))
    assert put.json == reported.json
    assert got.body == DATA
    assert got.headers["Content-Type"] == "application/octet-stream"
    assert got.headers["ETag"] == f'"{DIGEST}"'
    assert got.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.long
async def test_an_upload_of_unknown_length_names_it_in_the_query(served):
    rest = served.rest()
    pieces = [DATA[start : start + 100_000] for start in range(0, len(DATA), 100_000)]
    unknown = await rest.ask("PUT", PLACE, raw=iter(pieces))
    known = await rest.ask("PUT", f"{PLACE}?header.sizeBytes={len(DATA)}", raw=iter(pieces))

    assert unknown.json["violations"][0]["field"] == "header.sizeBytes"
    assert known.status == 200


async def test_the_collection_accepts_an_upload_too(served):
    reply = await served.rest().ask("POST", f"/v1/{PROJECT}/artifacts?header.digest={DIGEST}", raw=DATA)

    assert reply.json["digest"] == DIGEST


async def test_bytes_that_do_not_match_their_digest_are_discarded(served):
    reply = await served.rest().ask("PUT", PLACE, raw=DATA[:-1] + b"x")

    assert (reply.status, reply.reason) == (422, "DIGEST_MISMATCH")
    assert await received(served) == 0


async def test_an_upload_that_breaks_can_be_resumed(served):
    connection = socket.create_connection(("127.0.0.1", served.http_port))
    await asyncio.to_thread(connection.sendall, head(len(DATA)) + DATA[:1_000_000])
    await until_received(served, 1_000_000 - 65_536)
    connection.close()
    code = 'code="OUT_OF_RANGE",method="/modicum.v1.ArtifactService/UploadArtifact"'
    await until(lambda: code in generate_latest(served.metrics.registry).decode())
    offset = await received(served)
    span = f"bytes {offset}-{len(DATA) - 1}/{len(DATA)}"
    done = await served.rest().ask("PUT", PLACE, raw=DATA[offset:], headers={"Content-Range": span})

    assert 0 < offset <= 1_000_000
    assert done.status == 200
    assert await received(served) is None


async def test_an_upload_may_come_in_parts(served):
    rest, half = served.rest(), len(DATA) // 2
    first = await rest.ask("PUT", PLACE, raw=DATA[:half], headers={"Content-Range": f"bytes 0-{half - 1}/{len(DATA)}"})
    wrong = await rest.ask(
        "PUT", PLACE, raw=DATA[9:], headers={"Content-Range": f"bytes 9-{len(DATA) - 1}/{len(DATA)}"}
    )
    last = await rest.ask("PUT", f"{PLACE}?header.offset={half}", raw=DATA[half:])

    assert (first.status, first.reason) == (400, "UPLOAD_TRUNCATED")
    assert first.json["metadata"]["received_bytes"] == str(half)
    assert (wrong.status, wrong.reason) == (400, "UPLOAD_INVALID")
    assert last.status == 200


async def test_a_second_concurrent_upload_is_refused_at_both_doors(served):
    connection = socket.create_connection(("127.0.0.1", served.http_port))
    await asyncio.to_thread(connection.sendall, head(len(DATA)) + DATA[:1_000_000])
    await until_received(served, 1)
    header = {"parent": PROJECT, "digest": DIGEST, "sizeBytes": len(DATA)}
    by_right = await served.rest().ask("PUT", PLACE, raw=b"", headers={"Content-Length": "0"})
    by_left = await by_grpc(served.channel, TOKENS["admin"], "UploadArtifact", {"header": header})
    await asyncio.to_thread(connection.sendall, DATA[1_000_000:])
    first = await asyncio.to_thread(connection.recv, 65_536)
    connection.close()

    assert (by_right.status, by_right.reason, by_right.headers["Retry-After"]) == (409, "UPLOAD_BUSY", "1")
    assert (by_left.code, by_left.reason) == (grpc.StatusCode.ABORTED, "UPLOAD_BUSY")
    assert all(int(reported["received_bytes"]) > 0 for reported in (by_left.metadata, by_right.json["metadata"]))
    assert first.startswith(b"HTTP/1.1 200 ")


async def test_a_complete_upload_ends_without_further_bytes(served):
    async with served.artifact_store.upload(PROJECT, DIGEST, size_bytes=len(DATA), offset=0) as broken:
        await broken.write(DATA)
    early = await served.rest().ask(
        "PUT", PLACE, raw=b"", headers={"Content-Range": f"bytes */{len(DATA) + 1}", "Content-Length": "0"}
    )
    done = await served.rest().ask("PUT", PLACE, raw=b"", headers={"Content-Range": f"bytes */{len(DATA)}"})

    assert (early.reason, early.json["metadata"]["received_bytes"]) == ("UPLOAD_INVALID", str(len(DATA)))
    assert (done.status, await received(served)) == (200, None)


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    "span",
    [
        "bytes 0-1",
        "0-1/2",
        "bytes 5-1/9",
        "bytes 0-9/9",
        "bytes 0-5/9",
        "bytes */9",
        f"bytes 0-1/{2**63}",
        "bytes 0-1/" + "9" * 20,
    ],
)
async def test_a_content_range_is_that_of_the_body(served, span):
    reply = await served.rest().ask("PUT", PLACE, raw=b"ab", headers={"Content-Range": span})

    assert reply.json["violations"][0]["field"] == "Content-Range"


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("offset", "length", "field"),
    [(2**63 - 1, 1, "header.offset"), (0, 2**63, "Content-Length")],
)
async def test_a_length_past_64_bits_is_refused(served, offset, length, field):
    reply = await served.rest().ask(
        "PUT", f"{PLACE}?header.offset={offset}", raw=b"x", headers={"Content-Length": str(length)}
    )

    assert (reply.status, reply.json["violations"][0]["field"]) == (400, field)


async def test_compressed_bytes_are_refused(served):
    reply = await served.rest().ask("PUT", PLACE, raw=b"ab", headers={"Content-Encoding": "gzip"})

    assert (reply.status, reply.reason) == (415, "MEDIA_TYPE_UNKNOWN")


async def test_an_artifact_that_is_too_large_is_refused_before_it_is_sent(served):
    connection = socket.create_connection(("127.0.0.1", served.http_port))
    await asyncio.to_thread(connection.sendall, head(30_000_000))
    response = await asyncio.to_thread(connection.recv, 65_536)
    connection.close()

    assert response.startswith(b"HTTP/1.1 413 ")
    assert await received(served) == 0


@pytest.mark.long
async def test_an_upload_is_read_no_faster_than_the_disk_writes(served, monkeypatch):
    real, gate = PartialUpload.write, asyncio.Event()

    async def slow(upload: PartialUpload, data: bytes) -> None:
        await gate.wait()
        await real(upload, data)

    monkeypatch.setattr(PartialUpload, "write", slow)
    data = DATA[:-120_000] * 4  # more than the buffers of two sockets hold
    place = f"/v1/{PROJECT}/artifacts/{hashlib.sha256(data).hexdigest()}"
    connection = socket.create_connection(("127.0.0.1", served.http_port))
    connection.settimeout(2)  # this long without progress counts as stopped
    sent = await asyncio.to_thread(send_until_it_stops, connection, head(len(data), place) + data)
    gate.set()
    connection.settimeout(60)
    await asyncio.to_thread(connection.sendall, (head(len(data), place) + data)[sent:])
    response = await asyncio.to_thread(connection.recv, 65_536)
    connection.close()

    assert sent < len(data)
    assert response.startswith(b"HTTP/1.1 200 ")


def send_until_it_stops(connection: socket.socket, data: bytes) -> int:
    sent = 0
    with suppress(TimeoutError):
        while sent < len(data):
            sent += connection.send(data[sent : sent + 65_536])
    return sent


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("span", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=1000-299999", 1000, 300_000),
        ("bytes=5119990-", 5_119_990, len(DATA)),
        ("bytes=-10", len(DATA) - 10, len(DATA)),
        ("Bytes=0-1", 0, 2),
        ("bytes=0-" + "9" * 400, 0, len(DATA)),
        ("bytes=0-99999999", 0, len(DATA)),
        ("bytes=-99999999", 0, len(DATA)),
    ],
)
async def test_a_range_is_served_as_requested(served, span, first, end):
    await served.upload(DATA)
    reply = await served.rest().ask("GET", f"{PLACE}:download", headers={"Range": span})

    assert reply.status == 206
    assert reply.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(DATA)}"
    assert reply.body == DATA[first:end]


@pytest.mark.long_after(1)
@pytest.mark.parametrize("span", ["bytes=0-1,5-6", "lines=1-2", "bytes=-", "bytes=x-", "bytes=5-2", "bytes=9999999-1"])
async def test_an_unreadable_range_gets_the_whole_artifact(served, span):
    await served.upload(DATA)
    reply = await served.rest().ask("GET", f"{PLACE}:download", headers={"Range": span})

    assert (reply.status, reply.body) == (200, DATA)


async def test_only_get_supports_ranges(served):
    await served.upload(DATA)
    reply = await served.rest().ask("HEAD", f"{PLACE}:download", headers={"Range": "bytes=0-1"})

    assert (reply.status, reply.headers["Content-Length"]) == (200, str(len(DATA)))


async def test_a_range_past_the_end_says_how_much_there_is(served):
    await served.upload(DATA)
    for headers in ({"Range": f"bytes={len(DATA)}-"}, {"Range": "bytes=-0"}, {"Range": f"bytes={'9' * 400}-"}):
        reply = await served.rest().ask("GET", f"{PLACE}:download", headers=headers)
        assert (reply.status, reply.reason) == (416, "OFFSET_INVALID")
        assert reply.headers["Content-Range"] == f"bytes */{len(DATA)}"


async def test_a_download_is_conditional(served):
    await served.upload(DATA)
    rest = served.rest()
    same = await rest.ask("GET", f"{PLACE}:download", headers={"If-None-Match": f'"{DIGEST}"'})
    other = await rest.ask("GET", f"{PLACE}:download", headers={"Range": "bytes=0-1", "If-Range": '"other"'})
    mine = await rest.ask("GET", f"{PLACE}:download", headers={"Range": "bytes=0-1", "If-Range": f'"{DIGEST}"'})
    head = await rest.ask("HEAD", f"{PLACE}:download")

    assert (same.status, same.body) == (304, b"")
    assert (other.status, mine.status) == (200, 206)
    assert (head.status, head.headers["Content-Length"]) == (200, str(len(DATA)))


async def test_an_empty_artifact_can_be_transferred(served):
    digest = await served.upload(b"")
    reply = await served.rest().ask("GET", f"/v1/{PROJECT}/artifacts/{digest}:download")

    assert (reply.status, reply.body) == (200, b"")


@pytest.mark.long
async def test_a_download_of_a_truncated_artifact_breaks_off(served):
    digest = await served.upload(DATA)
    place = served.artifact_store._path(digest)
    with place.open("r+b") as file:
        file.truncate(1_000_000)

    with pytest.raises(Exception, match="IncompleteRead"):
        await served.rest().ask("GET", f"{PLACE}:download")


@pytest.mark.long
async def test_a_damaged_artifact_breaks_off_at_both_doors_and_is_counted(served):
    await served.upload(DATA)
    place = served.artifact_store._path(DIGEST)
    place.chmod(0o644)
    place.write_bytes(DATA[:1_000_000] + bytes(10_000) + DATA[1_010_000:])

    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        await served.rest().ask("GET", f"{PLACE}:download")
    left = await by_grpc(served.channel, TOKENS["admin"], "DownloadArtifact", {"name": f"{PROJECT}/artifacts/{DIGEST}"})

    assert left.reason == "ARTIFACT_CORRUPT"
    count = lambda: served.metrics.registry.get_sample_value("modicum_artifact_corrupt_total")  # noqa: E731
    await until(lambda: count() == 2)


async def test_a_small_damaged_artifact_is_refused_with_a_reason(served):
    data = b"small"
    digest = hashlib.sha256(data).hexdigest()
    await served.upload(data)
    place = served.artifact_store._path(digest)
    place.chmod(0o644)
    place.write_bytes(b"large")

    reply = await served.rest().ask("GET", f"/v1/{PROJECT}/artifacts/{digest}:download")

    assert (reply.status, reply.reason) == (500, "ARTIFACT_CORRUPT")
    assert digest in reply.json["detail"]
