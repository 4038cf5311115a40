"""The preview of an audit: the pictures as the model will see them, drawn on a terminal, and in words."""

import io
import os
import pty
import subprocess
import threading
from itertools import product

import numpy as np
import pytest
from modicum.cli.preview import array_words, captions, drawing, half_blocks, input_words
from modicum.cli.progress import LiveView, live_progress
from modicum.sources import npy
from modicum.sources.contents import bytes_content
from modicum.sources.fitting import seen_array, seen_picture
from modicum.sources.images import Image as Source
from modicum.sources.inputs import BUILT_IN, InputSpecification
from modicum_server.domain import models
from modicum_server.domain.searches import Canvas
from modicum_server.images.pictures import canvas_array
from PIL import Image
from rich.console import Console

from tests.client.scripted_results import succeeded
from tests.client.test_whole_commands import MODEL, measured

RED, BLUE, GREEN = (255, 0, 0), (0, 0, 255), (0, 128, 0)
FLAG = np.array([[RED, BLUE], [BLUE, RED], [GREEN, RED]], dtype=np.uint8)  # 3 rows, 2 columns
BLOCK = "▀"


def specification(**changes) -> InputSpecification:
    return InputSpecification(**{"height": 3, "width": 2, "mean": (0.5,) * 3, "std": (0.5,) * 3, **changes})


def encoded(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def source(data: bytes, **fields) -> Source:
    return Source(**{"item": "a", "label": "", "content": lambda: bytes_content(data, "a"), **fields})


def flag(**fields) -> Source:
    return source(encoded(Image.fromarray(FLAG)), **fields)


def cells(drawn) -> list[list[tuple[str, tuple[int, int, int] | None, tuple[int, int, int] | None]]]:
    """The cells of each line: character, colour in front, colour behind."""
    console = Console(width=80, force_terminal=True, color_system="truecolor")
    lines = console.render_lines(drawn, pad=False)
    return [[(character, *_colours(part.style)) for part in line for character in part.text] for line in lines]


def _colours(style):
    """The colours in front and behind; None for those of the terminal."""
    both = (style.color, style.bgcolor) if style else (None, None)
    return tuple(None if one is None else tuple(one.get_truecolor()) for one in both)


def test_a_cell_has_the_colours_of_two_pixels():
    assert cells(half_blocks([FLAG])) == [
        [(BLOCK, RED, BLUE), (BLOCK, BLUE, RED)],
        [(BLOCK, GREEN, None), (BLOCK, RED, None)],
    ]


def test_pictures_stand_side_by_side():
    lines = cells(half_blocks([FLAG[:1], FLAG]))

    assert [line[:2] for line in lines] == [[(BLOCK, RED, None), (BLOCK, BLUE, None)], [(" ", None, None)] * 2]
    assert [line[4:] for line in lines] == cells(half_blocks([FLAG]))


def test_a_picture_is_followed_by_empty_cells_up_to_its_least_width():
    lines = cells(half_blocks([FLAG[:1], FLAG], 4))

    empty = (" ", None, None)
    assert lines[0] == [(BLOCK, RED, None), (BLOCK, BLUE, None), *[empty] * 4, *cells(half_blocks([FLAG], 4))[0]]
    assert lines[1] == [*[empty] * 6, (BLOCK, GREEN, None), (BLOCK, RED, None), *[empty] * 2]


@pytest.mark.parametrize(("columns", "width"), [(10, 10), (40, 28), (80, 79), (200, 118)])
def test_as_many_pictures_are_drawn_as_fit_and_at_most_four(columns, width):
    drawn = drawing([flag(label="cat")] * 9, specification(), (), columns)

    assert [len(line) for line in str(drawn).splitlines()] == [width] * 4


def test_a_large_picture_is_drawn_small():
    white = source(encoded(Image.new("RGB", (300, 260), "white")))

    lines = cells(drawing([white], BUILT_IN["imagenet"], (), 80))

    assert {len(line) for line in lines} == {25}
    assert len(lines) == 14
    assert lines[5][5] == (BLOCK, (255, 255, 255), (255, 255, 255))


def test_what_cannot_be_decoded_is_left_out():
    images = [source(b"no picture"), source(b"", channels=3), flag(item="c")]

    assert str(drawing(images, specification(), (), 80)).splitlines()[2].split() == ["c"]
    assert drawing(images[:2], specification(), (), 80) is None
    assert drawing([flag()], specification(channels=5, mean=(0,) * 5, std=(1,) * 5), (), 80) is None


def array(values, **fields) -> Source:
    channels = values.shape[2] if values.ndim == 3 else 1
    return source(npy.encoded(values), channels=channels, **fields)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_arrays_are_drawn_like_files(kind):
    values = FLAG if kind == "uint8" else FLAG.astype(kind) * 257 if kind == "uint16" else (FLAG / 255).astype(kind)

    assert cells(drawing([array(values)], specification(), (), 80))[:2] == cells(half_blocks([FLAG], 25))


def test_an_array_between_other_bounds_is_drawn_in_grey():
    input_ = specification(channels=1, mean=(0,), std=(1,), lower_bound=-1.0, height=2, width=2)
    values = np.array([[-1, 1], [1, -1]], dtype=np.float32)

    black, white = (0,) * 3, (255,) * 3
    expected = [(BLOCK, black, white), (BLOCK, white, black)]
    assert cells(drawing([array(values)], input_, (), 80))[0][:2] == expected


def test_an_array_of_many_channels_is_described():
    values = np.linspace(-1, 2, 5 * 4 * 13, dtype=np.float32).reshape(5, 4, 13)

    assert array_words([array(values)]) == (
        "a: an array of float32, 5 x 4 pixels with 13 channels, values from -1 to 2. It cannot be drawn as a picture, "
        "which has 1 or 3 channels"
    )
    assert array_words([array(FLAG), array(values)]) == array_words([source(b"", channels=13)]) == ""


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_the_pixels_of_an_array_are_those_of_the_server(kind, channels):
    values = np.random.default_rng(7).random((30, 40, channels), dtype=np.float32)
    if kind != "float32":
        values = (values * np.iinfo(kind).max).astype(kind)
    chosen = specification(
        height=20, width=22, mean=(0.5,) * channels, std=(0.5,) * channels, channels=channels, resize=25
    )
    of_server = models.InputSpecification(**{name: getattr(chosen, name) for name in chosen.__slots__})

    seen = np.asarray(seen_array(values, chosen)).reshape(20, 22, channels)

    expected = canvas_array(npy.encoded(values), of_server, Canvas(channels, 20, 22))
    assert np.array_equal(seen, np.rint(expected.astype(np.float64) * 255).transpose(1, 2, 0))


def test_captions_stand_below_the_pictures():
    images = [flag(item="1/a.png", label="1"), flag(item="b.png"), flag(item="dog/c.png", label="dog")]

    drawn = drawing(images, specification(), ("cat", "dog"), 80)

    lines = str(drawn).splitlines()
    assert [line.split() for line in lines[2:]] == [["1/a.png", "b.png", "dog/c.png"], ["label:", "dog"] * 2]
    assert lines[2].index("b.png") == 27
    assert lines[3].rindex("label:") == lines[2].index("dog/c.png") == 54
    assert cells(drawn)[:2] == cells(half_blocks([FLAG] * 3, 25))


def test_pictures_without_labels_have_one_line():
    assert captions([flag(), flag(item="b")], ("cat",), 3) == ["a    b  "]


@pytest.mark.parametrize(
    ("item", "label", "lines"),
    [
        ("photos/cat.png", "a very long name", ["…tos/cat.png", "label: a ve…"]),
        ("写真写真写真.png", "犬犬犬", ["…真写真.png ", "label: 犬犬…"]),
        ("a\x1b[31m\n", "b\r", ["…x1b[31m\\x0a", "label: b\\x0d"]),
    ],
)
def test_a_caption_is_cut_to_the_cells_of_its_picture(item, label, lines):
    assert captions([flag(item=item, label=label)], (), 12) == lines


def test_the_caption_of_a_single_picture_uses_the_room_of_the_line():
    item, label = "photos/of/a/folder/with/a/long/name/cat.png", "a very long name of a class"

    drawn = drawing([flag(item=item, label=label)], specification(), (), 80)

    assert [line.strip() for line in str(drawn).splitlines()[2:]] == [item, f"label: {label}"]
    assert captions([flag(item=item)], (), 12, 20) == ["…" + item[-19:]]


@pytest.mark.parametrize(
    ("interpolation", "framing", "size", "channels"),
    list(
        product(
            ["nearest", "bilinear", "bicubic"],
            [
                {"resize": 0},
                {"resize": 25},
                {"resize": 25, "stretched": True},
                {"resize": 25, "crop_rounded_down": True},
            ],
            [(40, 30), (21, 64), (500, 9), (20, 20)],
            [1, 3],
        )
    ),
)
def test_the_pixels_are_those_of_the_server(interpolation, framing, size, channels):
    values = np.random.default_rng(7).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    data = encoded(Image.fromarray(values))
    mean = (0.5,) * channels
    chosen = specification(
        height=20, width=22, mean=mean, std=mean, channels=channels, interpolation=interpolation, **framing
    )
    of_server = models.InputSpecification(**{name: getattr(chosen, name) for name in chosen.__slots__})

    seen = np.asarray(seen_picture(data, chosen, most_pixels=10_000)).reshape(20, 22, channels)

    expected = canvas_array(data, of_server, Canvas(channels, 20, 22))
    assert np.array_equal(seen, np.rint(expected * 255).transpose(1, 2, 0))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, "each image is resized to 3 x 2 pixels (bilinear), whatever its shape; mean 0.5; std 0.5"),
        (
            {"resize": 4, "interpolation": "bicubic", "mean": (0.1, 0.2, 0.25)},
            (
                "the shorter side of each image is resized to 4 pixels (bicubic), and the middle 3 x 2 is cut out; "
                "mean 0.1, 0.2, 0.25; std 0.5"
            ),
        ),
        (
            {"resize": 4, "stretched": True, "mean": (0,) * 3, "std": (1,) * 3},
            (
                "each image is resized to 4 x 4 pixels (bilinear), whatever its shape, and the middle 3 x 2 is "
                "cut out; not normalised"
            ),
        ),
        (
            {"channels": 1, "mean": (0,), "std": (0.5,), "lower_bound": -1.0},
            (
                "each image is resized to 3 x 2 pixels (bilinear), whatever its shape; in grey; values from -1 to 1; "
                "mean 0; std 0.5"
            ),
        ),
    ],
)
def test_words_say_what_happens_to_an_image(changes, words):
    assert input_words(specification(**changes)) == words


@pytest.mark.parametrize(
    ("colours", "options", "is_drawn"),
    [
        ("truecolor", {}, True),
        ("256", {}, True),
        ("standard", {}, False),
        ("truecolor", {"no_color": True}, False),
        (None, {}, False),
    ],
)
def test_only_a_terminal_with_colours_gets_a_drawing(colours, options, is_drawn):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, color_system=colours, width=80, **options)

    LiveView(live_progress(console)).draw(lambda _: half_blocks([FLAG]))

    assert (BLOCK in file.getvalue()) is is_drawn


def test_a_terminal_shows_the_preview_before_anything_is_sent(address, forked_modicum, shell, script, tmp_path):
    Image.new("RGB", (30, 20), RED).save(tmp_path / "photos" / "cat" / "b.png")
    succeeded(script, measured())

    said = _on_a_terminal(f"{forked_modicum} audit photos {MODEL}", tmp_path, MODICUM_ADDRESS=address)

    assert said.index("▀") < said.index("cat/b.png") < said.index("label: cat")
    line = said.index("input, from --input imagenet")
    assert "\x1b[38;2;255;0;0;48;2;255;0;0m▀" in said
    assert said.index("▀") < line < said.index("uploading")


def test_a_file_gets_the_words_alone(shell, script, tmp_path):
    Image.new("RGB", (30, 20), RED).save(tmp_path / "photos" / "cat" / "b.png")
    succeeded(script, measured())

    ended = shell(f"modicum audit photos {MODEL}")

    assert "input, from --input imagenet: the shorter side of each image is resized to 256 pixels" in ended.stderr
    assert BLOCK not in ended.stderr
    assert "\x1b" not in ended.stderr


def _on_a_terminal(line, folder, **environment) -> str:
    """What a command says on stderr, where that is a terminal of 80 columns with all colours."""
    ours, theirs = pty.openpty()
    said = bytearray()
    terminal = {"TERM": "xterm-256color", "COLORTERM": "truecolor", "COLUMNS": "80"}
    kept = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    reader = threading.Thread(target=_read, args=(ours, said))
    with subprocess.Popen(
        ["bash", "-c", line],
        cwd=folder,
        env={**kept, **terminal, **environment},
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        reader.start()
        assert process.wait(300) == 0, said.decode()
    reader.join()
    os.close(ours)
    return said.decode()


def _read(terminal: int, into: bytearray) -> None:
    """Read until the other end is closed, which Linux tells as an error."""
    try:
        while piece := os.read(terminal, 4096):
            into += piece
    except OSError:
        return
