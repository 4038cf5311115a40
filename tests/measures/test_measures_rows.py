"""The findings artifact."""

import gzip
import json
import math
from dataclasses import replace

import pytest
from modicum_server.domain.documents import FINDING, value_of
from modicum_server.domain.findings import ObjectsFinding, ScoredVariant
from modicum_server.measures import FindingsArtifact, finding_row
from modicum_server.measures.rows import TEXT_BYTES, Unpacking

from tests.measures.example_audit import controls, failed, finding, mixed_findings, pack, read


@pytest.mark.parametrize("original", mixed_findings(), ids=lambda one: one.item)
def test_a_finding_survives_its_row(original):
    assert value_of(FINDING, json.loads(json.dumps(finding_row(original)))) == original


def test_a_variant_survives_its_row():
    with_variant = replace(controls(4), variants=(ScoredVariant("dilated", 0.4, sufficient=False, predicted_class=2),))

    assert value_of(FINDING, finding_row(finding(controls=with_variant))).controls == with_variant


@pytest.mark.parametrize("share", [0.25, None])
def test_the_objects_survive_their_row(share):
    with_objects = replace(controls(4), objects=ObjectsFinding(0.5, share))

    row = json.loads(json.dumps(finding_row(finding(controls=with_objects))))

    assert value_of(FINDING, row).controls == with_objects


def test_a_row_of_an_earlier_release_has_no_objects():
    row = finding_row(finding())
    del row["controls"]["objects"]

    assert value_of(FINDING, row).controls.objects is None


def test_a_nan_confidence_is_null_in_the_row():
    row = finding_row(replace(failed(), confidence=math.nan, margin=-math.inf))

    assert (row["confidence"], row["margin"]) == (None, None)
    assert math.isnan(value_of(FINDING, row).confidence)


def test_findings_are_read_as_written_and_as_often_as_wanted():
    findings = read(pack(mixed_findings()))

    assert list(findings) == mixed_findings()
    assert list(findings) == mixed_findings()


def test_the_names_in_a_row_are_sorted():
    (line,) = gzip.decompress(pack([finding()])).splitlines()

    assert line == json.dumps(json.loads(line), sort_keys=True, separators=(",", ":")).encode()


def test_the_artifact_is_gzip_over_one_json_line_a_finding():
    packed = pack(mixed_findings())

    lines = gzip.decompress(packed).decode().splitlines()
    assert [json.loads(line)["position"] for line in lines] == list(range(13))
    assert packed[4:8] == b"\0\0\0\0"


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_findings_are_read_from_pieces_of_any_size(size):
    packed = pack(mixed_findings())

    findings = FindingsArtifact(lambda: (packed[start : start + size] for start in range(0, len(packed), size)))

    assert list(findings) == mixed_findings()


def test_an_artifact_that_breaks_off_is_refused():
    packed = pack(mixed_findings())

    with pytest.raises(ValueError, match="cut off"):
        list(read(packed[:-3]))


def test_highly_compressed_data_is_unpacked_in_small_pieces():
    packed = gzip.compress(bytes(10_000_000))

    texts = list(Unpacking().feed(packed))

    assert max(map(len, texts)) == TEXT_BYTES
    assert sum(map(len, texts)) == 10_000_000


def test_an_artifact_without_a_row_is_readable():
    assert list(read(pack([]))) == []


def test_a_mask_is_packed_with_the_first_pixel_in_the_highest_bit():
    row = finding_row(finding(size=3))

    assert row["subset"] == {"mask": "4AAAAAAAAAA=", "height": 8, "width": 8, "size": 3, "fraction": 3 / 64}
