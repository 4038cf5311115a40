"""Damaged documents are refused with what is wrong, or judged by what is left: nobody passes by what is missing."""

import json
import random
import re
from pathlib import Path

import pytest
from modicum.errors import InvalidSource
from modicum.gate import schemas
from modicum.gate.json_documents import json_document
from modicum.gate.result_form import refuse_damaged_result
from modicum.gate.result_schema import SCHEMA_VERSIONS

from tests.gate.damage import CASES, complaint, trials
from tests.gate.documents import DOCUMENTS, document, image, share, with_rows
from tests.gate.test_baseline_command import POLICY, result

TRIALS = 6
"""Damages of each document that are tried, always the same. `python -m tests.gate.damage` tries all."""


@pytest.mark.long_after(2)
@pytest.mark.parametrize("title", CASES)
def test_no_damage_is_a_bug_and_none_passes_by_what_is_missing(title):
    case = CASES[title]
    whole = case.outcomes(case.text.encode())
    assert whole

    tried = random.Random(title).sample(trials(case), TRIALS)  # a sample of a test

    said = {f"{path} {name}": complaint(case, path, name, whole) for path, name in tried}
    assert {what: why for what, why in said.items() if why} == {}


def changed(whole, **parts):
    return {**whole, **parts}


def of_search(**parts):
    """A result with rows, whose search is changed in the version alone."""
    found = json.loads(json.dumps(result()))
    found["models"][0]["searches"][0]["search"] |= parts
    return found


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("damaged", "says"),
    [
        pytest.param(changed(DOCUMENTS["clean"], models="m"), "models is not a list: got the text 'm'", id="models"),
        pytest.param(
            of_search(passes=7), "models[0].searches[0].search is not in specification.searches", id="another search"
        ),
        pytest.param(
            changed(result(), parameters={**result()["parameters"], "acceleration": {"m": "bfloat16"}}),
            "parameters.acceleration.m is not a mapping: got the text 'bfloat16'",
            id="acceleration",
        ),
        pytest.param(
            changed(DOCUMENTS["clean"], rows=[]), "it has no 'parameters'", id="rows without their parameters"
        ),
        pytest.param(
            changed(
                DOCUMENTS["clean"], spots=[{"model_version": "m", "search_index": 3, "rows": [], "untested_classes": 0}]
            ),
            "spots[0].search_index is 3, but there are 1 searches",
            id="no such search",
        ),
        pytest.param(
            document({"accuracy": {**share(9, 10), "n": 10.0}}),
            "models[0].searches[0].measures.accuracy.n is not a whole number: got 10.0",
            id="a fraction",
        ),
    ],
)
def test_a_damaged_result_ends_with_2_and_is_named_with_the_part(shell, tmp_path, damaged, says):
    (tmp_path / "it.json").write_text(json.dumps(damaged), encoding="utf-8")

    judged, planned = shell("modicum judge it.json"), shell("modicum plan it.json")

    assert (judged.returncode, planned.returncode) == (2, 2)
    expected = f"it.json: expected a whole result document, but {says}; the file is damaged or was edited; use it"
    assert expected in judged.stderr
    assert expected in planned.stderr


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("model_versions", None, "specification.model_versions is not a list: got nothing"),
        ("model_versions", [{}], "specification.model_versions[0] is not text: got a mapping"),
        (
            "statistics",
            {"accuracy_limit": None},
            "specification.statistics.accuracy_limit is not a number: got nothing",
        ),
        ("statistics", {"ratio_limit": []}, "specification.statistics.ratio_limit is not a number: got an empty list"),
        ("stopping", 5, "specification.stopping is not a mapping or null: got 5"),
        ("stopping", {"limits": [1]}, "specification.stopping.limits[0] is not a mapping: got 1"),
        ("out_of_distribution_dataset", {}, "specification.out_of_distribution_dataset is not text: got a mapping"),
        ("controls", [{"control": "spot", "method": []}], "specification.controls[0].method is not text or null"),
    ],
)
def test_a_specification_of_another_form_is_named(key, value, says):
    damaged = document()
    damaged["specification"] |= {key: value}

    with pytest.raises(InvalidSource, match=re.escape(f"r.json: expected a whole result document, but {says}")):
        refuse_damaged_result(damaged, "r.json")


@pytest.fixture
def compared(shell, tmp_path):
    """Judges a result beside what becomes of its baseline file."""
    (tmp_path / "modicum.yaml").write_text(POLICY, encoding="utf-8")
    (tmp_path / "same.json").write_text(json.dumps(result()), encoding="utf-8")
    assert shell("modicum baseline update same.json --reason 'the first'").returncode == 0
    file = tmp_path / "main.json"

    def judge(damage):
        found = json.loads(file.read_text(encoding="utf-8"))
        damage(found)
        file.write_text(json.dumps(found), encoding="utf-8")
        return shell("modicum judge same.json")

    return judge


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        pytest.param(
            lambda one: one["searches"][0].update(images=[["ab", 0]]),
            "searches[0].images[0] is not a list with at least 5 entries: got a list",
            id="a short row",
        ),
        pytest.param(lambda one: one["searches"][0].pop("search"), "searches[0] has no 'search'", id="no search"),
        pytest.param(lambda one: one.update(searches=[]), "searches is not a list with at least one entry", id="none"),
    ],
)
@pytest.mark.long
def test_a_damaged_baseline_is_named_and_not_the_result(compared, damage, says):
    ended = compared(damage)

    assert ended.returncode == 2
    assert f"main.json: expected a whole baseline file, but {says}" in ended.stderr
    assert "same.json" not in ended.stderr


def test_a_result_that_stands_in_for_a_baseline_is_named_too(shell, tmp_path):
    (tmp_path / "modicum.yaml").write_text(POLICY, encoding="utf-8")
    rows = with_rows([image(at) for at in range(20)])
    (tmp_path / "same.json").write_text(json.dumps(rows), encoding="utf-8")
    (tmp_path / "main.json").write_text(json.dumps(changed(rows, models=[])), encoding="utf-8")

    ended = shell("modicum judge same.json")

    assert ended.returncode == 2
    assert "main.json: expected a whole result document as the baseline, but models is not a list with" in ended.stderr


def test_the_golden_result_of_the_server_is_whole():
    golden = Path(__file__).resolve().parents[1] / "measures" / "golden" / "result.json"

    refuse_damaged_result(json.loads(golden.read_text(encoding="utf-8")), "result.json")


@pytest.mark.parametrize("name", [schemas.POLICY, schemas.RESULT, schemas.VERDICT, schemas.BASELINE])
def test_every_form_is_a_valid_schema(name):
    schemas.validator_of(name).check_schema(schemas.schema_of(name))


def test_the_form_of_a_result_is_that_of_every_schema_that_is_judged():
    assert schemas.schema_of(schemas.RESULT)["properties"]["schema_version"]["enum"] == list(SCHEMA_VERSIONS)


def test_a_number_that_is_too_long_is_not_shown_in_full():
    with pytest.raises(InvalidSource) as raised:
        json_document(b'{"n": ' + b"9" * 5000 + b"}", "a.json", called="a result")

    assert len(str(raised.value)) < 200
    assert "(5,000 characters) is too large a number" in str(raised.value)
