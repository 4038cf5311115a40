"""No output takes the place of a file that the command reads, or of another output."""

import os

import pytest
from modicum.cli.gate import search_of
from modicum.replaced_files import replacing

READS = "this command reads that file; give the output another name"
TWICE = "two outputs have this name; give each its own file"


@pytest.fixture
def here(shell, tmp_path):
    (tmp_path / "modicum.yaml").write_text("version: 1\nbaseline: {file: main.json}\n", encoding="utf-8")
    for name in ("r.json", "main.json", "v.json", "k.pem", "w.safetensors"):
        (tmp_path / name).write_text("kept", encoding="utf-8")
    (tmp_path / "link.json").symlink_to("r.json")
    return tmp_path


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("words", "output", "told"),
    [
        ("judge r.json -o r.json", "r.json", READS),
        ("judge r.json -o link.json", "link.json", READS),
        ("judge r.json -o main.json", "main.json", READS),
        ("judge r.json --findings v.json -o v.json", "v.json", READS),
        ("judge r.json -o a.json -o ./a.json", "a.json", TWICE),
        ("render v.json -o v.json", "v.json", READS),
        ("attest v.json --key k.pem --output v.json", "v.json", READS),
        ("attest v.json --key k.pem --output s.json --summary s.json", "s.json", TWICE),
        ("gate photos --weights w.safetensors -o same.json --result same.json", "same.json", TWICE),
        ("gate photos --weights w.safetensors --result main.json", "main.json", READS),
        ("audit photos --weights w.safetensors -o a.json -o a.json", "a.json", TWICE),
    ],
)
def test_an_output_replaces_no_file_of_the_command(shell, here, words, output, told):
    before = {path.name: path.read_bytes() for path in here.iterdir()}

    done = shell(f"modicum {words}")

    assert done.returncode == 2
    assert f"output {output}: {told}" in done.stderr.replace("\n", " ")
    assert {path.name: path.read_bytes() for path in here.iterdir()} == before


def test_a_policy_without_controls_runs_none():
    assert search_of({"controls": []}).controls == ()
    assert search_of({}).controls is None


def test_a_device_is_written_and_stays_a_device(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)

    with replacing(pipe) as file:
        file.write(b"bytes")

    assert os.read(reader, 9) == b"bytes"
    assert pipe.is_fifo()
    os.close(reader)


def test_a_file_has_the_mode_of_a_new_file_or_is_not_there(tmp_path):
    kept, new = tmp_path / "kept", tmp_path / "new"
    (tmp_path / "usual").touch()

    with replacing(new) as file:
        file.write(b"bytes")
    with pytest.raises(ZeroDivisionError), replacing(kept) as file:
        file.write(bytes([1 // 0]))

    assert new.stat().st_mode == (tmp_path / "usual").stat().st_mode
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "usual"]
