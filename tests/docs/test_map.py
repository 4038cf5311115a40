"""The map of changes and the steps of CONTRIBUTING are true: paths and names exist, counts fit, rows are short."""

import re
from functools import cache
from pathlib import Path

import pytest

from tests.docs.documents import ROOT

MAP = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
STEPS = CONTRIBUTING.split("## The steps of a change\n")[1].split("\n## Make a release\n")[0]
SERVER = ROOT / "service" / "server" / "modicum_server"
#: By what a path begins with, where that lies. Any other path is below the root, if it begins there, or the server.
PACKAGES = {"modicum": ROOT / "clients" / "python", "modicum_sis": ROOT / "service" / "sis"}
SUFFIXES = r"\.(?:py|proto|md|json|j2|ya?ml|toml|ts|js|css)"
NAMED_PATH = re.compile(rf"`([\w.-]+(?:/[\w.-]+)*(?:/|{SUFFIXES}))`")
#: A path, and in brackets behind it names that stand in its file.
NAMED_WITHIN = re.compile(rf"`([\w./-]+{SUFFIXES})` \(((?:`\w+`(?:, | and )?)+)")
COUNTED = re.compile(r"\*\*(\w+)\*\* files of code(?: and \*\*(\w+)\*\* of prose)?")
NUMBERS = {"no": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "ten": 10, "twelve": 12}
PROSE = (".md", ".j2")
LONGEST_ROW_CHARACTERS = 600


def place_of(path: str) -> Path:
    """Where a path lies, by the rule that the map states."""
    first, _, rest = path.partition("/")
    if first in PACKAGES:
        return PACKAGES[first] / path
    in_repository = (ROOT / first).is_dir() if rest else (ROOT / first).exists()
    return (ROOT if in_repository else SERVER) / path


def test_every_path_exists_where_the_map_says_that_it_lies():
    paths = {*NAMED_PATH.findall(MAP), *NAMED_PATH.findall(STEPS)}

    assert len(paths) > 300
    assert sorted(path for path in paths if not place_of(path).exists()) == []


def test_every_name_beside_a_path_stands_in_its_file():
    beside = {
        (path, name)
        for path, names in (*NAMED_WITHIN.findall(MAP), *NAMED_WITHIN.findall(STEPS))
        for name in re.findall(r"`(\w+)`", names)
    }

    assert len(beside) > 50
    assert sorted((path, name) for path, name in beside if name not in words_of(path)) == []


@cache
def words_of(path: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", place_of(path).read_text(encoding="utf-8")))


def test_every_folder_of_tests_that_the_map_names_exists():
    named = set(re.findall(r"\btests/(\w+)", MAP))

    assert len(named) > 15
    assert [name for name in sorted(named) if not (ROOT / "tests" / name).exists()] == []


def test_every_module_that_reads_images_labels_or_models_is_on_the_map():
    modules = {
        f"modicum/sources/{path.name}" for path in (PACKAGES["modicum"] / "modicum" / "sources").glob("[a-z]*.py")
    }

    assert modules - set(NAMED_PATH.findall(MAP)) == set()


def counted_sections() -> list[tuple[str, str]]:
    """The titles and texts of the steps that say how many files they touch."""
    sections = (part.partition("\n") for part in re.split(r"^### ", STEPS, flags=re.MULTILINE))
    return [(title, text) for title, _, text in sections if COUNTED.search(text)]


@pytest.mark.parametrize(("title", "text"), counted_sections(), ids=lambda part: part[:40])
def test_the_steps_touch_as_many_files_as_they_say(title, text):
    (code, prose) = COUNTED.search(text).groups()
    steps = re.findall(r"^\d+\. `([\w./-]+)`", text, re.MULTILINE)

    written = [path for path in steps if path.endswith(PROSE)]

    assert (len(steps) - len(written), len(written)) == (NUMBERS[code.lower()], NUMBERS[(prose or "no").lower()])
    assert len(set(steps)) == len(steps)


def test_the_most_frequent_changes_have_counted_steps_that_the_map_links():
    titles = [title for title, _ in counted_sections()]

    assert len(titles) == 5
    anchors = {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}
    assert anchors - set(re.findall(r"CONTRIBUTING\.md#([\w-]+)", MAP)) == set()


def test_every_row_of_the_map_is_short():
    rows = [line for line in MAP.splitlines() if line.startswith("|")]

    assert [row for row in rows if len(row) > LONGEST_ROW_CHARACTERS] == [], "put what it lists below its table"
