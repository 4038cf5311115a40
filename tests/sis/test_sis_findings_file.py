"""Findings are saved and loaded unchanged; anything else is refused."""

import io
import json
import tracemalloc
import zipfile
from dataclasses import dataclass, fields

import numpy as np
import pytest
import torch
from modicum_sis import (
    BackSelect,
    BatchedGradient,
    FindingsFileRefused,
    MaskOptimization,
    ParameterError,
    find_subsets,
    load_findings,
    save_findings,
)

from tests.sis.sis_models import network_classifier, ones, random_images


@pytest.fixture(scope="module")
def findings():
    classifier, images = network_classifier(), random_images(5)
    images[4, 0, 0, 0] = torch.nan
    found = []
    for search in (BackSelect(0.3), BatchedGradient(5), MaskOptimization(60)):
        found += find_subsets(
            classifier, images, threshold=0.6, search=search, fill="marginal", donors=random_images(4, seed=1)
        )
    assert any(finding.subset is None for finding in found)
    assert sum(finding.trace is not None for finding in found) >= 3
    return found


def plain(value):
    """Tensors as lists and NaN as text, so that values can be compared."""
    if isinstance(value, torch.Tensor):
        return (str(value.dtype), value.tolist())
    if hasattr(value, "__dataclass_fields__"):
        return (type(value).__name__, [plain(getattr(value, field.name)) for field in fields(value)])
    return "nan" if value != value else value  # noqa: PLR0124


def test_findings_are_loaded_as_they_were_saved(findings, tmp_path):
    save_findings(tmp_path / "found.npz", findings)

    loaded = load_findings(tmp_path / "found.npz")

    assert [plain(finding) for finding in loaded] == [plain(finding) for finding in findings]
    assert [file.name for file in tmp_path.iterdir()] == ["found.npz"]


def test_an_empty_list_of_findings_can_be_saved(tmp_path):
    save_findings(tmp_path / "none.npz", [])

    assert load_findings(tmp_path / "none.npz") == []


def test_loaded_findings_are_resumed_without_a_search(findings, tmp_path):
    before = findings[-5:]
    save_findings(tmp_path / "found.npz", before)

    after = list(
        find_subsets(
            network_classifier(),
            random_images(4),
            threshold=0.6,
            search=MaskOptimization(60),
            fill="marginal",
            donors=random_images(4, seed=1),
            resume=load_findings(tmp_path / "found.npz"),
        )
    )

    assert [plain(finding) for finding in after] == [plain(finding) for finding in before[:4]]


def test_a_mask_takes_one_bit_per_pixel(tmp_path):
    (finding,) = find_subsets(network_classifier(), random_images(1), threshold=0.3, search=MaskOptimization(60))

    save_findings(tmp_path / "found.npz", [finding])

    with np.load(tmp_path / "found.npz") as archive:
        assert archive["masks"].nbytes == 8 * 8 // 8


def test_the_umask_decides_who_may_read_a_file(findings, tmp_path):
    (tmp_path / "any").touch()

    save_findings(tmp_path / "found.npz", findings[:1])

    assert (tmp_path / "found.npz").stat().st_mode == (tmp_path / "any").stat().st_mode


def test_a_file_is_replaced_completely_or_not_at_all(findings, tmp_path):
    save_findings(tmp_path / "found.npz", findings[:1])

    def broken():
        yield findings[0]
        raise RuntimeError("interrupted")

    with pytest.raises(RuntimeError, match="interrupted"):
        save_findings(tmp_path / "found.npz", broken())

    assert len(load_findings(tmp_path / "found.npz")) == 1
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused(share, findings, tmp_path):
    path = tmp_path / "found.npz"
    save_findings(path, findings)
    whole = path.read_bytes()

    path.write_bytes(whole[: int(share * len(whole))])

    with pytest.raises(FindingsFileRefused, match="damaged"):
        load_findings(path)


def test_a_flipped_byte_never_gives_different_findings(findings, tmp_path):
    path = tmp_path / "found.npz"
    save_findings(path, findings)
    whole = bytearray(path.read_bytes())
    expected = [plain(finding) for finding in findings]

    refused = 0
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        path.write_bytes(bytes([*whole[:place], whole[place] ^ 0xFF, *whole[place + 1 :]]))
        try:
            assert [plain(finding) for finding in load_findings(path)] == expected  # this byte is not read
        except FindingsFileRefused:
            refused += 1

    assert refused > 30


def archive_with(header, **arrays):
    empty = {"masks": np.uint8, "orders": np.int64, "scores": np.float64, "kept": np.int64, "starts": np.uint8}
    parts = {name: np.zeros(0, kind) for name, kind in empty.items()}
    return {"header": np.frombuffer(json.dumps(header).encode(), np.uint8), **parts, **arrays}


OURS = {"format": "modicum findings", "version": 1, "parameters": [], "findings": []}
FOREIGN = {
    "another's": archive_with({**OURS, "format": "weights"}),
    "no header": {"weights": np.zeros(3)},
    "a header that is no object": archive_with([1, 2]),
    "objects": archive_with(OURS, masks=np.array([{"a": 1}], dtype=object)),
    "other types": archive_with(OURS, scores=np.zeros(2, np.float32)),
    "findings of nothing": archive_with({**OURS, "findings": [{}]}),
}


@pytest.mark.parametrize("arrays", FOREIGN.values(), ids=FOREIGN)
def test_a_foreign_archive_is_refused(arrays, tmp_path):
    np.savez(tmp_path / "foreign.npz", **arrays)

    with pytest.raises(FindingsFileRefused, match="save_findings"):
        load_findings(tmp_path / "foreign.npz")


def test_a_later_format_version_is_refused(tmp_path):
    np.savez(tmp_path / "later.npz", **archive_with({**OURS, "version": 2}))

    with pytest.raises(FindingsFileRefused, match="got version 2"):
        load_findings(tmp_path / "later.npz")


@dataclass(frozen=True)
class MyGradient(BatchedGradient):
    pass


def test_findings_of_a_custom_search_need_its_class_when_loaded(tmp_path):
    found = list(find_subsets(network_classifier(), random_images(2), threshold=0.3, search=MyGradient(9)))
    save_findings(tmp_path / "found.npz", found)

    with pytest.raises(FindingsFileRefused, match="MyGradient"):
        load_findings(tmp_path / "found.npz")

    assert load_findings(tmp_path / "found.npz", searches=[MyGradient])[0].parameters.search == MyGradient(9)


def test_a_search_that_is_not_a_plain_value_is_refused_when_saved(tmp_path):
    @dataclass(frozen=True, eq=False)
    class Along(BatchedGradient):
        map: object = ones(1, 2, 2)

    found = list(find_subsets(network_classifier(), random_images(1), threshold=0.3, search=Along(9)))

    with pytest.raises(ParameterError, match="plain values"):
        save_findings(tmp_path / "found.npz", found)


def test_loaded_findings_record_how_their_passes_ran(findings, tmp_path):
    save_findings(tmp_path / "found.npz", findings)

    said = {finding.parameters.acceleration for finding in load_findings(tmp_path / "found.npz")}

    assert said == {network_classifier().acceleration((3, 8, 8))}
    assert {record.folded for record in said} == {1}


def test_a_file_that_does_not_record_how_its_passes_ran_can_be_read(findings, tmp_path):
    save_findings(tmp_path / "found.npz", findings[:1])
    with np.load(tmp_path / "found.npz") as archive:
        arrays = dict(archive)
    header = json.loads(arrays["header"].tobytes())
    for parameters in header["parameters"]:
        del parameters["acceleration"]
    arrays["header"] = np.frombuffer(json.dumps(header).encode(), dtype=np.uint8)
    np.savez(tmp_path / "old.npz", **arrays)

    (loaded,) = load_findings(tmp_path / "old.npz")

    assert loaded.parameters.acceleration.dtype == ""
    assert plain(loaded.subset) == plain(findings[0].subset)


def npy(shape, kind="|u1"):
    """An array's header without the array."""
    content = io.BytesIO()
    np.lib.format.write_array_header_1_0(content, {"descr": kind, "fortran_order": False, "shape": shape})
    return content.getvalue()


def test_an_array_that_announces_more_than_the_file_holds_is_refused_before_allocation(tmp_path):
    np.savez(tmp_path / "ours.npz", **archive_with(OURS))
    with zipfile.ZipFile(tmp_path / "ours.npz") as ours, zipfile.ZipFile(tmp_path / "huge.npz", "w") as huge:
        for name in ours.namelist():
            huge.writestr(name, npy((1 << 50,)) if name == "masks.npy" else ours.read(name))

    with pytest.raises(FindingsFileRefused, match="save_findings"):
        load_findings(tmp_path / "huge.npz")


def test_a_member_that_announces_more_than_deflate_can_unpack_is_refused_before_allocation(tmp_path):
    path, content = tmp_path / "huge.npz", npy((1 << 31,))
    with zipfile.ZipFile(path, "w") as huge:
        huge.writestr("header.npy", content)
    length = len(content).to_bytes(4, "little")
    path.write_bytes(path.read_bytes().replace(length * 2, length + (0xFFFFFF00).to_bytes(4, "little")))

    tracemalloc.start()
    with pytest.raises(FindingsFileRefused, match="save_findings"):
        load_findings(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 1 << 24
