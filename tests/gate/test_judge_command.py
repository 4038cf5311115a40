"""`modicum judge` as a shell sees them: exit codes, outputs, and what is refused."""

import hashlib
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from modicum.cli.stored_baselines import report_of
from modicum.errors import FailedPrecondition, InvalidSource

from tests.gate.documents import DOCUMENTS, VERSION, document, share
from tests.gate.test_one_version import OTHER, of_two
from tests.gate.test_review_rule import review
from tests.readers import READERS

ACCEPT = "if the spot is the object itself, list it under `accept` in the policy\n"
PLAN = "`modicum plan RESULT` says how many images and passes would settle each rule"


@pytest.mark.long_after(2)
@pytest.mark.parametrize("reader", READERS.values(), ids=READERS)
@pytest.mark.parametrize(
    ("name", "code", "step"),
    [("clean", 0, ""), ("planted", 1, f"modicum: next: {ACCEPT}"), ("open", 4, f"modicum: next: {PLAN}; {ACCEPT}")],
    ids=["clean", "planted", "open"],
)
def test_the_verdict_is_the_exit_code_whatever_reads_it(shell, name, code, step, reader):
    ended = shell(reader % f"modicum judge {name}.json")

    said = "modicum: stdout could not be written: No space left on device; the exit code is still valid\n"
    messages = "" if "2>&" in reader else (said if "full" in reader else "") + step
    assert (ended.returncode, ended.stderr) == (code, messages)


def test_every_output_is_written_from_one_verdict(shell, tmp_path):
    suffixes = (".json", ".xml", ".md", ".sarif", ".html", ".codequality.json", ".metrics.txt")
    outputs = " ".join(f"--output v{suffix}" for suffix in suffixes)

    ended = shell(f"modicum judge planted.json {outputs}")

    assert ended.returncode == 1
    assert ended.stdout.startswith("FAIL: spot")
    assert [one for one in suffixes if not (tmp_path / f"v{one}").stat().st_size] == []
    assert json.loads((tmp_path / "v.json").read_text())["outcome"] == "FAIL"


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("policy", "options", "says"),
    [
        ("inconclusive: warn", "", "warning: the verdict is INCONCLUSIVE; the policy says warn, so the exit code is 0"),
        ("inconclusive: allow", "", "the policy allows that, so the exit code is 0"),
        ("", "--exit-zero", "the exit code is 0 because of --exit-zero; without it, it is 4"),
        ("preset: report-only", "", ""),
    ],
)
def test_what_an_inconclusive_verdict_does_is_up_to_the_policy_and_is_said(shell, tmp_path, policy, options, says):
    (tmp_path / "modicum.yaml").write_text(f"version: 1\n{policy}\n", encoding="utf-8")

    ended = shell(f"modicum judge open.json {options}")

    assert ended.returncode == 0
    assert says in ended.stderr


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("modicum judge v.json", "got a verdict; judge the result that it is about"),
        ("modicum judge absent.json", "absent.json: cannot be read: No such file or directory"),
        ("modicum judge half.json", "half.json: expected a result document in JSON"),
        ("modicum judge part.json", "part.json: expected a whole result document, but it has no 'specification'"),
        ("modicum judge clean.json --policy absent.yaml", "absent.yaml: cannot be read"),
        ("modicum judge clean.json --output v.pdf", "expected a file ending in .codequality.json or"),
    ],
)
def test_what_cannot_be_judged_ends_with_2_and_says_why(shell, tmp_path, line, says):
    verdict = {"kind": "modicum.verdict", "schema_version": 1}
    part = {name: value for name, value in DOCUMENTS["clean"].items() if name != "specification"}
    reading = [{"control": "random", "outcome": "ANY_PIXELS", "text": ""}]
    part["models"] = [{**part["models"][0], "searches": [{**part["models"][0]["searches"][0], "readings": reading}]}]
    for name, text in (("v", json.dumps(verdict)), ("half", '{"a": '), ("part", json.dumps(part))):
        (tmp_path / f"{name}.json").write_text(text, encoding="utf-8")
    (tmp_path / "modicum.yaml").write_text("version: 1\nrules:\n  random: {expect: [THESE_PIXELS]}\n", encoding="utf-8")

    ended = shell(line)

    assert (ended.returncode, ended.stdout) == (2, "")
    assert says in ended.stderr


@pytest.mark.long
def test_an_unreachable_server_is_not_completed(shell):
    ended = shell("modicum judge some-audit", MODICUM_TIMEOUT_SECONDS="1")

    assert ended.returncode == 3
    assert "no Modicum server can be reached" in ended.stderr


def test_a_class_of_few_images_is_judged_by_its_counts(shell, tmp_path):
    measures = {"accuracy": share(155, 200, groups={"0": share(60, 100), "1": share(95, 100)})}
    (tmp_path / "some.json").write_text(json.dumps(document(measures)), encoding="utf-8")
    (tmp_path / "modicum.yaml").write_text(
        "version: 1\nrules:\n  accuracy: {min: 0.8, classes: [cat, dog]}\n", encoding="utf-8"
    )

    ended = shell("modicum judge some.json")

    assert ended.returncode == 1
    assert "FAIL         accuracy (error): class cat: 60%, limit at least 80%" in ended.stdout


@pytest.mark.long_after(2)
@pytest.mark.parametrize(
    ("reviews", "code", "says"),
    [
        ([review("INCONCLUSIVE", could_confirm=False)], 4, "too few for CONFIRMED"),
        ([review("INCONCLUSIVE")], 0, "PASS review"),
        ([review("INCONCLUSIVE"), review("CONFIRMED")], 1, "FAIL review"),
        ([], 4, "the audit has no blind review"),
    ],
)
def test_a_review_that_could_confirm_nothing_is_no_pass(shell, tmp_path, reviews, code, says):
    (tmp_path / "some.json").write_text(json.dumps(document(reviews=reviews)), encoding="utf-8")
    policy = "version: 1\nrules: {spot: off, review: {expect: [SEEN, INCONCLUSIVE]}}\n"
    (tmp_path / "modicum.yaml").write_text(policy, encoding="utf-8")

    ended = shell("modicum judge some.json")

    assert ended.returncode == code, ended.stdout
    assert says in " ".join(ended.stdout.split())


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("version", "code"), [("m/1", 0), ("other/1", 1), ("", 1), ("third/1", 2)])
def test_one_version_of_a_result_of_several_is_judged_alone(shell, tmp_path, version, code):
    (tmp_path / "two.json").write_text(json.dumps({**of_two(), "mitigation": []}), encoding="utf-8")
    policy = "version: 1\npreset: report-only\nrules:\n  accuracy: {level: error, min: 0.5}\n"
    (tmp_path / "modicum.yaml").write_text(policy, encoding="utf-8")

    ended = shell(f"modicum judge two.json {f'--version {version}' if version else ''} --output v.json")

    assert ended.returncode == code, ended.stderr
    if code == 2:
        assert "--version: expected a version of the result, m/1 or other/1, got third/1" in ended.stderr
        return
    rules = {one["id"]: one for one in json.loads((tmp_path / "v.json").read_text())["rules"]}
    judged = [check["model_version"] for check in rules["accuracy"]["checks"]]
    assert judged == ([OTHER] if version == "other/1" else [VERSION] if version else [VERSION, OTHER])


class _Stored:
    """An audit on a server whose report may have been changed on its way."""

    name = "projects/default/audits/a"

    def __init__(self, result, report):
        text = json.dumps(result, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        self.snapshot = SimpleNamespace(
            result_digest=hashlib.sha256(text.encode()).hexdigest(), findings_delete_time=None, report_delete_time=None
        )
        self._report = json.dumps({**report, "rows": [], "spot_pictures": []}).encode()

    def report(self, form):
        assert form == "json"
        return self._report


def test_the_report_of_a_stored_audit_is_compared_with_the_digest_of_its_result():
    result = DOCUMENTS["planted"]
    passing = {**result, "spots": DOCUMENTS["clean"]["spots"]}

    assert report_of(_Stored(result, result))["spots"] == result["spots"]
    with pytest.raises(InvalidSource, match="audits/a: expected the stored result, sha256:"):
        report_of(_Stored(result, passing))


def test_an_audit_whose_findings_were_deleted_is_no_baseline_and_says_so():
    stored = _Stored(DOCUMENTS["planted"], DOCUMENTS["planted"])
    stored.snapshot.findings_delete_time = datetime(2026, 11, 2, tzinfo=UTC)

    with pytest.raises(FailedPrecondition, match="audits/a: the retention of the project deleted its findings on"):
        report_of(stored)
