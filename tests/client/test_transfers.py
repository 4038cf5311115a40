"""Uploads that resume and send nothing twice; downloads that resume and are checked."""

import hashlib

import grpc
import pytest
from modicum import errors
from modicum.retrying import CALLS
from modicum.small_uploads import MOST_TOGETHER, SMALL_BYTES, batches
from modicum.sources.contents import bytes_content, file_content
from modicum.transfers import CHUNK_BYTES, download, upload

BIG = bytes(range(256)) * (CHUNK_BYTES // 64)  # four chunks


def sent(client, contents, progress=None):
    client._portal.run(upload(client._connection, contents, progress))


def test_only_missing_files_are_sent_and_each_once(client, script):
    held, new = bytes_content(b"held", "held"), bytes_content(b"new", "new")
    script.artifacts[held.digest] = b"held"

    sent(client, [held, new, new])

    assert [header.digest for header in script.calls["UploadArtifact"]] == [new.digest]
    assert script.artifacts[new.digest] == b"new"


SMALL = [bytes_content(number.to_bytes(2) * 500, f"{number}") for number in range(MOST_TOGETHER + 1)]


def test_small_files_are_sent_together_and_large_ones_alone(client, script):
    large, reported = bytes_content(BIG, "big"), []

    sent(client, [*SMALL, large], reported.append)

    assert [len(request.contents) for request in script.calls["UploadSmallArtifacts"]] == [MOST_TOGETHER]
    alone = [header.digest for header in script.calls["UploadArtifact"]]
    assert sorted(alone) == sorted([SMALL[-1].digest, large.digest])
    assert script.artifacts.keys() == {content.digest for content in (*SMALL, large)}
    assert (reported[-1].files_done, reported[-1].bytes_done) == (len(SMALL) + 1, reported[-1].bytes_total)


def test_a_call_has_no_more_bytes_than_it_may():
    full = [bytes_content(bytes([number]) * SMALL_BYTES, f"{number}") for number in range(9)]

    assert [len(batch) for batch in batches(full)] == [8, 1]


def test_a_server_without_such_calls_gets_small_files_one_by_one(client, script):
    script.steps["UploadSmallArtifacts"] = [grpc.StatusCode.UNIMPLEMENTED] * 9

    sent(client, SMALL[:3])

    assert len(script.calls["UploadArtifact"]) == 3
    assert script.artifacts.keys() == {content.digest for content in SMALL[:3]}


def test_small_files_are_sent_again_where_the_server_was_away(client, script):
    script.steps["UploadSmallArtifacts"] = [grpc.StatusCode.UNAVAILABLE]

    sent(client, SMALL[:3])

    assert len(script.calls["UploadSmallArtifacts"]) == 2
    assert script.artifacts.keys() == {content.digest for content in SMALL[:3]}


def test_a_small_file_that_an_earlier_command_began_is_resumed(client, script):
    content = SMALL[1]
    script.partial[content.digest] = bytearray(content.open().read(100))

    sent(client, SMALL[:3])

    assert [(header.digest, header.offset) for header in script.calls["UploadArtifact"]] == [(content.digest, 100)]


def test_a_broken_upload_resumes_where_the_server_has_got_to(client, script):
    content = bytes_content(BIG, "big")
    script.steps["UploadArtifact"] = [CHUNK_BYTES, 3 * CHUNK_BYTES]
    reported = []

    sent(client, [content], reported.append)

    offsets = [header.offset for header in script.calls["UploadArtifact"]]
    assert offsets[0] == 0
    assert offsets == sorted(set(offsets))
    assert len(offsets) == 3
    assert script.artifacts[content.digest] == BIG
    assert (reported[-1].files_done, reported[-1].bytes_done, reported[-1].bytes_total) == (1, len(BIG), len(BIG))


def test_a_broken_upload_waits_longer_for_a_restarting_server_than_a_call(client, script):
    content = bytes_content(BIG, "big")
    script.steps["UploadArtifact"] = [CHUNK_BYTES]
    script.steps["FindMissingArtifacts"] = [None, *[grpc.StatusCode.UNAVAILABLE] * (CALLS.attempts + 1)]

    sent(client, [content])

    assert script.artifacts[content.digest] == BIG
    assert script.calls["UploadArtifact"][-1].offset > 0


def test_an_upload_waits_while_another_client_uploads_the_same_bytes(client, script):
    content = bytes_content(BIG, "big")
    script.steps["UploadArtifact"] = [(grpc.StatusCode.ABORTED, "UPLOAD_BUSY")] * 2

    sent(client, [content])

    assert len(script.calls["UploadArtifact"]) == 3
    assert script.artifacts[content.digest] == BIG


def test_an_upload_that_an_earlier_command_began_is_resumed(client, script):
    content = bytes_content(BIG, "big")
    script.partial[content.digest] = bytearray(BIG[:1000])

    sent(client, [content])

    assert script.calls["UploadArtifact"][0].offset == 1000
    assert script.artifacts[content.digest] == BIG


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda path: path.write_bytes(b"other bytes"), "changed while"),
        (lambda path: path.write_bytes(b"short"), "became shorter"),
        (lambda path: path.unlink(), "could not be read while it was uploaded"),
    ],
)
def test_a_file_that_changes_during_the_upload_is_named(client, tmp_path, change, says):
    path = tmp_path / "a.jpg"
    path.write_bytes(b"first bytes")
    content = file_content(path)
    change(path)

    for others in ([], SMALL[:2]):
        with pytest.raises(errors.SourceChanged, match=rf"a\.jpg.*{says}"):
            sent(client, [content, *others])


def test_an_empty_file_is_sent(client, script, tmp_path):
    (tmp_path / "a.jpg").touch()

    sent(client, [file_content(tmp_path / "a.jpg")])

    assert script.artifacts[hashlib.sha256().hexdigest()] == b""


def test_a_broken_download_resumes_and_is_checked(client, script):
    digest = hashlib.sha256(BIG).hexdigest()
    script.artifacts[digest] = BIG
    script.steps["break download"] = True

    data = client._portal.run(download(client._connection, digest))

    assert data == BIG
    assert [request.offset for request in script.calls["DownloadArtifact"]] == [0, len(BIG) // 2]


def test_a_download_of_damaged_bytes_is_not_tried_again(client, script):
    digest = hashlib.sha256(BIG).hexdigest()
    script.artifacts[digest] = BIG
    script.steps["damaged artifact"] = True

    with pytest.raises(errors.DataLoss) as refused:
        client._portal.run(download(client._connection, digest))

    assert refused.value.reason == "ARTIFACT_CORRUPT"
    assert len(script.calls["DownloadArtifact"]) == 1


def test_bytes_that_do_not_match_their_digest_are_refused(client, script):
    script.artifacts["0" * 64] = BIG

    with pytest.raises(errors.DataLoss):
        client._portal.run(download(client._connection, "0" * 64))


def test_a_data_set_is_its_images_and_its_manifest(client, script, tmp_path):
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "a.jpg").write_bytes(b"a")
    (tmp_path / "cat" / "b.jpg").write_bytes(b"a")

    dataset = client.datasets.upload("holdout", tmp_path)

    assert dataset.name == "projects/default/datasets/holdout"
    assert set(script.artifacts) == {hashlib.sha256(b"a").hexdigest(), dataset.manifest_digest}


def test_a_data_set_says_in_the_log_which_files_are_skipped(client, script, tmp_path, caplog):
    (tmp_path / "a.jpg").write_bytes(b"a")
    (tmp_path / "notes.txt").write_text("not an image")

    client.datasets.upload("holdout", tmp_path)

    assert [one.getMessage() for one in caplog.records] == [f"{tmp_path}: 1 file is skipped: not images: notes.txt"]
