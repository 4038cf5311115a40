"""Parquet of Hugging Face is read row by row. What cannot be taken is refused by its row or column."""

import io
import json
import random
from contextlib import nullcontext
from types import SimpleNamespace

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from modicum.errors import InvalidSource, SourceChanged
from modicum.small_uploads import unchanged
from modicum.sources import parquet, parquet_rows
from modicum.sources.contents import stream_content
from modicum.sources.images import found_in
from modicum.sources.manifests import manifest_of
from modicum.sources.parquet import rows_of
from modicum.sources.parquet_rows import Limits, Rows

from tests.found_images import find_images

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def pictures(*contents):
    return pa.array([None if one is None else {"bytes": one, "path": "a.jpg"} for one in contents], PICTURE)


def written(path, columns, features=None, **more):
    """A parquet file. `features` are those of the library `datasets`, as it writes them into the schema."""
    table = pa.table(columns)
    if features is not None:
        document = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({b"huggingface": document.encode()})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, **more)
    return path


def class_label(*names):
    return {"_type": "ClassLabel", "names": list(names)}


def labels_of(images):
    return {image.item: image.label for image in images}


def content_of(row):
    return stream_content(row.open, row.where)


def bytes_of(image):
    with image.content().open() as stream:
        return stream.read()


def test_a_row_has_its_picture_and_the_name_of_its_class(tmp_path):
    columns = {"image": pictures(b"one", b"two", b"three"), "label": [1, 0, -1], "text": ["a", "b", "c"]}
    path = written(tmp_path / "a.parquet", columns, {"image": {"_type": "Image"}, "label": class_label("cat", "dog")})

    found = find_images(path)

    assert labels_of(found) == {"0": "dog", "1": "cat", "2": ""}
    assert [bytes_of(image) for image in found] == [b"one", b"two", b"three"]
    assert found[1].content().label == f"{path}: row 1"


@pytest.mark.parametrize(
    ("labels", "read"),
    [
        pytest.param(pa.array([3, None, 12], pa.uint8()), ["3", "", "12"], id="indices"),
        pytest.param(pa.array(["cat", "cat", None]), ["cat", "cat", ""], id="names"),
        pytest.param(
            pa.array(["cat", "cat", None]).dictionary_encode(), ["cat", "cat", ""], id="names in a dictionary"
        ),
        pytest.param(pa.array(["cat"] * 3, pa.large_string()), ["cat"] * 3, id="large names"),
    ],
)
def test_without_names_in_the_schema_a_label_is_what_the_column_holds(tmp_path, labels, read):
    path = written(tmp_path / "a.parquet", {"image": pictures(b"1", b"2", b"3"), "label": labels})

    assert [image.label for image in find_images(path)] == read


@pytest.mark.parametrize(
    "columns",
    [
        pytest.param({"img": pa.array([b"1"])}, id="plain bytes"),
        pytest.param({"img": pictures(b"1"), "name": ["x"]}, id="the only struct of bytes"),
        pytest.param({"image": pictures(b"1"), "mask": pictures(b"2")}, id="one of two that is called image"),
    ],
)
def test_the_column_of_pictures_is_found_without_features_and_no_label_is_needed(tmp_path, columns):
    (image,) = find_images(written(tmp_path / "a.parquet", columns))

    assert (image.item, image.label, bytes_of(image)) == ("0", "", b"1")


def test_the_label_is_the_only_column_of_classes_whatever_it_is_called(tmp_path):
    features = {"img": {"_type": "Image"}, "fine_label": class_label("cat", "dog")}
    path = written(tmp_path / "a.parquet", {"img": pictures(b"1"), "fine_label": [1], "label": [7]}, features)

    assert labels_of(find_images(path)) == {"0": "dog"}


def test_a_folder_of_parquet_is_one_data_set_whose_names_begin_with_the_file(tmp_path):
    for shard in (1, 0):
        columns = {"image": pictures(b"%d" % shard), "label": [shard]}
        written(
            tmp_path / "data" / f"train-0000{shard}-of-00002.parquet", columns, {"label": class_label("cat", "dog")}
        )
    (tmp_path / "README.md").touch()

    found = found_in(tmp_path)

    names = [f"data/train-0000{shard}-of-00002.parquet/0" for shard in (0, 1)]
    assert labels_of(found.images) == dict(zip(names, ("cat", "dog"), strict=True))
    assert found.skipped.files == ("README.md",)


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (("test-0.parquet", "train-0.parquet"), "found files of the splits test and train; give"),
        (("a.parquet", "a.tar"), "found tars and parquet files; give"),
    ],
)
def test_files_that_do_not_belong_together_are_not_mixed(tmp_path, names, says):
    for name in names:
        written(tmp_path / name, {"image": pictures(b"1")})

    with pytest.raises(InvalidSource, match=says):
        find_images(tmp_path)


FEATURES = {"a": class_label("x"), "b": class_label("y")}
REFUSED = {
    "no pictures": ({"text": ["a"]}, None, "expected a column of pictures, .* found none among text"),
    "two columns of pictures": ({"a": pictures(b"1"), "b": pictures(b"2")}, None, "expected one column .* found a, b"),
    "two columns of classes": (
        {"image": pictures(b"1"), "a": [0], "b": [0]},
        FEATURES,
        "expected one column of labels, .* a, b",
    ),
    "labels of another type": ({"image": pictures(b"1"), "label": [[0]]}, None, "label: expected names or indices"),
    "labels that are fractions": ({"image": pictures(b"1"), "label": [0.5]}, None, "label: expected names or indices"),
    "a label without a name": (
        {"image": pictures(b"1", b"2"), "label": [0, 2]},
        {"label": class_label("x", "y")},
        "row 1: expected a label from 0 to 1, or -1 for none, got 2",
    ),
    "a label too long": ({"image": pictures(b"1"), "label": ["x" * 300]}, None, "label: expected at most 256"),
    "no rows": ({"image": pictures()}, None, "expected rows with pictures, found none"),
    "features that are damaged": ({"image": pictures(b"1")}, [], "its schema has no valid features"),
}


@pytest.mark.parametrize(("columns", "features", "says"), REFUSED.values(), ids=REFUSED)
def test_a_table_that_cannot_be_taken_is_refused_by_its_column_or_row(tmp_path, columns, features, says):
    with pytest.raises(InvalidSource, match=f"a.parquet: {says}"):
        find_images(written(tmp_path / "a.parquet", columns, features))


@pytest.mark.parametrize("content", [None, b""])
def test_a_row_without_a_picture_is_refused_by_its_number(tmp_path, content):
    path = written(tmp_path / "a.parquet", {"image": pictures(b"1", content)})

    with pytest.raises(InvalidSource, match=r"a.parquet: row 1: cannot be read: it has no picture"):
        manifest_of(find_images(path))


def test_labels_in_a_csv_do_not_fit_rows(tmp_path):
    path = written(tmp_path / "a.parquet", {"image": pictures(b"1")})

    with pytest.raises(InvalidSource, match="labels can only be given for a folder or a tar"):
        find_images(path, tmp_path / "labels.csv")


@pytest.mark.parametrize("content", [b"", b"hello", b"PAR1hello", b"PAR1" + bytes(100) + b"PAR1"])
def test_a_damaged_file_is_refused(tmp_path, content):
    (tmp_path / "a.parquet").write_bytes(content)

    with pytest.raises(InvalidSource, match=r"a.parquet: not valid parquet"):
        find_images(tmp_path / "a.parquet")


def test_damaged_rows_are_refused_by_their_number(tmp_path):
    path = written(
        tmp_path / "a.parquet", {"image": pictures(*(random.Random(one).randbytes(500) for one in range(50)))}
    )
    whole = bytearray(path.read_bytes())
    whole[4:4000] = b"\xff" * 3996
    path.write_bytes(whole)

    with pytest.raises(InvalidSource, match=r"a.parquet: row 0: cannot be read: "):
        manifest_of(find_images(path))


@pytest.mark.parametrize("group_rows", [3, -1, 1 << 40])
def test_a_footer_that_lies_about_its_rows_is_refused(tmp_path, monkeypatch, group_rows):
    path = written(tmp_path / "a.parquet", {"image": pictures(b"1", b"2")})
    group = SimpleNamespace(num_rows=group_rows, total_byte_size=1)
    lying = SimpleNamespace(num_rows=2, num_row_groups=1, row_group=lambda _: group)
    real = parquet.opened_file

    def opened(*given, **more):
        file = real(*given, **more)
        return nullcontext(SimpleNamespace(schema_arrow=file.schema_arrow, metadata=lying))

    monkeypatch.setattr(parquet, "opened_file", opened)

    with pytest.raises(InvalidSource, match=r"a.parquet: its footer does not fit its rows"):
        find_images(path)


def test_without_the_library_the_message_says_what_to_install(tmp_path, monkeypatch):
    path = written(tmp_path / "a.parquet", {"image": pictures(b"1")})
    monkeypatch.setattr(parquet, "find_spec", lambda _: None)

    with pytest.raises(
        InvalidSource, match=r"a.parquet: no library here reads parquet; pip install 'modicum\[parquet\]'"
    ):
        find_images(path)


def test_rows_that_unpack_to_far_more_than_the_file_are_refused(tmp_path):
    columns = {"image": pictures(*(bytes(1_000_000) for _ in range(3)))}
    path = written(tmp_path / "a.parquet", columns, compression="zstd", use_dictionary=False)

    with pytest.raises(
        InvalidSource, match=r"a.parquet: its .* bytes unpack to 3,0.* Pictures do not compress that much"
    ):
        rows_of(path, Rows(Limits(unchecked_bytes=1024)))


def test_a_picture_that_is_too_large_and_a_table_of_too_many_rows_are_refused(tmp_path):
    path = written(tmp_path / "a.parquet", {"image": pictures(b"1", bytes(2000))})
    large = rows_of(path, Rows(Limits(picture_bytes=1999)))[1]

    with pytest.raises(InvalidSource, match=r"row 1: cannot be read: it has 2,000 bytes, more than 1,999"):
        content_of(large)
    with pytest.raises(InvalidSource, match=r"a.parquet: expected at most 1 rows, got 2"):
        rows_of(path, Rows(Limits(rows=1)))


def test_one_label_that_repeats_takes_no_memory_for_each_row(tmp_path):
    """A dictionary packs a value once; as plain values it would fill the memory."""
    value = "x" * 1_000_000
    labels = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), pa.array([value]))
    path = written(tmp_path / "a.parquet", {"image": pictures(*[b"1"] * 10_000), "label": labels})

    before = pa.default_memory_pool().max_memory()
    with pytest.raises(InvalidSource, match="label: expected at most 256"):
        find_images(path)

    assert pa.default_memory_pool().max_memory() <= max(before, 200 * 1024 * 1024)


@pytest.mark.parametrize("row_group_size", [7, 1000])
@pytest.mark.parametrize("kept", [0, 64 * 1024 * 1024])
def test_rows_are_the_same_in_whatever_order_they_are_read(tmp_path, row_group_size, kept):
    rows, found = Rows(Limits(kept_bytes=kept)), []
    contents = [f"picture {one}".encode() for one in range(40)]
    for shard in range(6):
        columns = {"image": pictures(*(b"%d" % shard + one for one in contents))}
        found += rows_of(written(tmp_path / f"{shard}.parquet", columns, row_group_size=row_group_size), rows)
    order = list(range(len(found)))
    random.Random(0).shuffle(order)

    read = {place: found[place].open().read() for place in order}

    assert [read[place] for place in range(len(found))] == [
        b"%d" % shard + one for shard in range(6) for one in contents
    ]


def test_rows_read_side_by_side_are_decoded_about_once(tmp_path, monkeypatch):
    """Eight calls read in turns, each its own stretch of rows, as uploads do."""
    decoded = []
    found = find_images(written(tmp_path / "a.parquet", {"image": pictures(*(b"%d" % one for one in range(400)))}))
    real = parquet_rows.Cursor.next_row
    monkeypatch.setattr(parquet_rows.Cursor, "next_row", lambda self: decoded.append(1) or real(self))

    for place in range(50):
        for start in range(0, 400, 50):
            assert bytes_of(found[start + place]) == b"%d" % (start + place)

    assert len(decoded) == 400


def test_what_is_kept_is_bounded(tmp_path):
    contents = [random.Random(one).randbytes(10_000) for one in range(30)]
    rows = Rows(Limits(kept_bytes=50_000))
    path = written(tmp_path / "a.parquet", {"image": pictures(*contents)})

    for one in (29, 0, 15):
        assert rows.read(parquet_rows.Group(path, "image.bytes", 0, 0, 30), one) == contents[one]

    assert rows.kept_bytes <= 50_000


def test_a_file_that_changes_before_the_upload_is_noticed(tmp_path):
    path = written(tmp_path / "a.parquet", {"image": pictures(b"1", b"2")})
    contents = [content_of(row) for row in rows_of(path, Rows(Limits(kept_bytes=0)))]
    written(path, {"image": pictures(b"3")})

    for content, says in zip(contents, ("row 0 changed", "row 1 could not be read"), strict=True):
        with pytest.raises(SourceChanged, match=says):
            unchanged(content)


def test_a_picture_is_a_stream_of_its_own(tmp_path):
    image = find_images(written(tmp_path / "a.parquet", {"image": pictures(b"12345")}))[0]

    assert isinstance(image.content().open(), io.BytesIO)
    assert image.channels is None
