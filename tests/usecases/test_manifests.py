import json

import pytest
from modicum_server.errors import DatasetEmpty, DatasetTooLarge, ManifestInvalid
from modicum_server.usecases.manifests import LONGEST_LINE_BYTES, read_manifest

DIGEST = "ab" * 32


def lines(*rows) -> bytes:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()


async def read(data: bytes, *, size: int = 7, most_items: int = 10):
    return read_manifest([data[start : start + size] for start in range(0, len(data), size)], most_items=most_items)


def test_a_manifest_of_empty_lines_is_not_read_to_its_end():
    read_pieces = 0

    def pieces():
        nonlocal read_pieces
        while read_pieces < 1_000:
            read_pieces += 1
            yield b"\n" * 10

    with pytest.raises(DatasetTooLarge, match="more than 20 lines; leave out the empty ones"):
        read_manifest(pieces(), most_items=10)

    assert read_pieces == 3


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_items_keep_their_order_however_the_bytes_are_split(size):
    data = lines(
        {"item": "b.png", "image": DIGEST, "label": "cat"}, "", {"item": "ä.png", "image": DIGEST, "boxes": DIGEST}
    )

    items = await read(data + b"\n", size=size)

    assert [(item.item, item.label, item.boxes_digest) for item in items] == [
        ("b.png", "cat", ""),
        ("ä.png", "", DIGEST),
    ]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("{", "not JSON"),
        ("[" * 10_000, "not JSON"),
        ("[1]", "one JSON object"),
        ('{"item": 1}', "strings"),
        ({"item": "a.png"}, "image: expected a SHA-256 digest of 64"),
        ({"image": DIGEST}, "item: expected a relative path"),
        ({"item": "../a.png", "image": DIGEST}, "item"),
        ({"item": "a.png", "image": DIGEST, "lable": "cat"}, "the key 'lable' is not known"),
        ({"item": "a.png", "image": DIGEST, "mask": "x"}, "mask"),
        ({"item": "a.png", "image": DIGEST, "label": "x\x00"}, "label"),
        ({"item": "0.png", "image": DIGEST}, "is already in line 1"),
        (f'{{"item": "a.png", "image": "{DIGEST}", "item": "b.png"}}', "the key 'item' is given twice"),
        ('{"item": "' + "x" * LONGEST_LINE_BYTES + '"}', "longer than 16,384 bytes"),
    ],
)
async def test_a_bad_line_is_named_by_its_number(row, what):
    data = lines({"item": "0.png", "image": DIGEST}, row)

    with pytest.raises(ManifestInvalid, match="line 2 of the manifest") as caught:
        await read(data, size=4096)

    assert what in str(caught.value)


@pytest.mark.parametrize("after", [b"\n", b""])
@pytest.mark.parametrize("size", [4096, 100_000])
async def test_a_line_that_is_too_long_is_refused_however_it_is_split(size, after):
    row = {"item": "a.png", "image": DIGEST, "label": "x"}
    data = json.dumps(row).encode().ljust(LONGEST_LINE_BYTES + 1)

    with pytest.raises(ManifestInvalid, match="line 1 of the manifest: the line is longer than 16,384 bytes"):
        await read(data + after, size=size)
    assert len(await read(data[:-1] + after, size=size)) == 1


async def test_bytes_that_are_not_utf_8_are_refused():
    with pytest.raises(ManifestInvalid, match="line 1"):
        await read(b"\xff\xfe\n")


@pytest.mark.parametrize("data", [b"", b"\n\n"])
async def test_a_manifest_without_items_is_refused(data):
    with pytest.raises(DatasetEmpty):
        await read(data)


async def test_more_items_than_the_server_takes_are_refused():
    data = lines(*({"item": f"{index}.png", "image": DIGEST} for index in range(11)))

    with pytest.raises(DatasetTooLarge, match="10 items"):
        await read(data)
