"""A statement says no more than its verdict, and never reads as a pass if the verdict is not PASS."""

import hashlib
import json
from datetime import timedelta

import pytest
from modicum.attestation.statement import attestable_verdict, canonical, result_statement, summary_statement
from modicum.errors import InvalidSource
from modicum.gate.policy_file import policy_of
from modicum.gate.unmeasured import unmeasured
from sigstore.dsse import Statement

from tests.attestation.attestation_stage import OPEN, PLANTED, WAIVED, WEIGHTS_DIGEST, told
from tests.gate.documents import DIGEST, TODAY, VERSION, share

MEASURES = {"accuracy": share(85, 100), "eligible_share": share(10, 100)}
RULES = "rules:\n  accuracy: {min: 0.8}\n  eligible-share: {level: warn, min: 0.9}\n"


def result_of(verdict):
    return result_statement(verdict, b"bytes of the verdict", "verdict.json")


def test_the_subjects_are_the_weights_and_the_version():
    statement = result_of(told())

    assert statement["subject"] == [
        {"name": VERSION, "digest": {"sha256": DIGEST}},
        {"name": f"{VERSION}/weights", "digest": {"sha256": WEIGHTS_DIGEST}},
    ]


@pytest.mark.parametrize(
    ("policy", "spots", "measures", "result", "tests"),
    [
        pytest.param("", None, None, "PASSED", (["spot"], [], []), id="pass"),
        pytest.param("", PLANTED, None, "FAILED", ([], [], ["spot"]), id="fail"),
        pytest.param("", OPEN, None, "FAILED", ([], [], ["spot"]), id="inconclusive"),
        pytest.param("inconclusive: allow\n", OPEN, None, "FAILED", ([], [], ["spot"]), id="inconclusive and allowed"),
        pytest.param(WAIVED, PLANTED, None, "WARNED", ([], ["spot"], []), id="waived"),
        pytest.param("preset: report-only\n", PLANTED, None, "WARNED", ([], ["spot"], []), id="a warning"),
        pytest.param("preset: report-only\n", None, None, "WARNED", (["spot"], [], []), id="nothing required"),
        pytest.param(RULES, None, MEASURES, "FAILED", (["spot"], ["eligible-share"], ["accuracy"]), id="several"),
    ],
)
def test_rules_stand_by_name_under_what_became_of_them(policy, spots, measures, result, tests):
    given = {} if spots is None else {"spots": spots}
    predicate = result_of(told(policy, **given, measures=measures))["predicate"]

    names = tuple(predicate[key] for key in ("passedTests", "warnedTests", "failedTests"))
    assert (predicate["result"], names) == (result, tests)


def test_an_expired_waiver_is_a_failed_test():
    expired = {**told(), "outcome": "FAIL", "expired_waivers": ["m.yaml:2:3: the waiver of spot by us expired"]}

    predicate = result_of(expired)["predicate"]

    assert predicate["result"] == "FAILED"
    assert predicate["failedTests"] == ["expired waiver: m.yaml:2:3: the waiver of spot by us expired"]


def test_the_configuration_is_policy_verdict_and_findings_by_digest():
    verdict = told(WAIVED, PLANTED)

    policy, judged, findings = result_of(verdict)["predicate"]["configuration"]

    assert policy == {
        "name": "modicum.yaml",
        "digest": {"sha256": verdict["policy"]["digest"]},
        "annotations": {"role": "policy", "first_expiry": "2027-01-31"},
    }
    assert judged["digest"] == {"sha256": hashlib.sha256(b"bytes of the verdict").hexdigest()}
    assert judged["annotations"]["judged_on"] == "2026-11-27"
    assert findings["digest"] == {"sha256": "ef" * 32}


def test_a_baseline_stands_in_the_configuration():
    verdict = told()
    baseline = {**verdict["result"], "baseline": None, "findings_digest": "be" * 32}

    *_, last = result_of({**verdict, "result": {**verdict["result"], "baseline": baseline}})["predicate"][
        "configuration"
    ]

    assert (last["annotations"]["role"], last["digest"]) == ("baseline findings", {"sha256": "be" * 32})


def test_a_summary_is_written_of_a_pass_alone():
    summary = summary_statement(told())

    assert summary["predicateType"] == "https://in-toto.io/attestation/svr/v0.1"
    assert summary["predicate"]["properties"] == ["MODICUM_GATE_PASS"]
    assert summary["predicate"]["timeCreated"] == "2026-11-27T00:00:00Z"
    assert summary["subject"] == result_of(told())["subject"]


@pytest.mark.parametrize(
    ("policy", "spots"),
    [("", PLANTED), ("", OPEN), ("inconclusive: allow\n", OPEN), ("preset: report-only\n", PLANTED)],
    ids=["fail", "inconclusive", "inconclusive and allowed", "nothing required"],
)
def test_of_any_other_verdict_there_is_no_summary(policy, spots):
    assert summary_statement(told(policy, spots)) is None


def test_statements_are_canonical_and_sigstore_reads_them():
    statement = result_of(told())
    shuffled = json.loads(json.dumps(dict(reversed(statement.items()))))

    assert canonical(statement) == canonical(shuffled)
    assert canonical(statement).startswith(b'{"_type":"https://in-toto.io/Statement/v1","predicate":{"configuration":[')
    Statement(canonical(statement))
    Statement(canonical(summary_statement(told())))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"kind": "modicum.result"},
            "expected a verdict, as `modicum gate` and `modicum judge` write it with --output",
        ),
        ({"schema_version": 2}, "expected a verdict of schema version 1, got 2"),
        ({"judged_on": None}, "the verdict has no judged_on; judge the result again"),
        ({"result": {**told()["result"], "weights_digests": {}}}, "its result has no digest of the weights"),
        ({"rules": [{}]}, r"expected a whole verdict, but rules\[0\] has no 'id'; the file is damaged"),
        ({"policy": "p"}, "expected a whole verdict, but policy is not a mapping: got the text 'p'"),
        (
            {"judged_on": "soon"},
            "the verdict cannot be signed; expected the statement .* judged_on is not a day: 'soon'",
        ),
        (
            {"left_out": {"\ud800": ""}},
            r"v.json: expected a verdict in JSON; it has text that is not Unicode \(half of a surrogate pair\)",
        ),
        (
            {"outcome": "FAIL"},
            "contradicts itself: the outcome is FAIL, but its rules say PASS; judge the",
        ),
        ({"summary": "FAIL: spot"}, "contradicts itself: the outcome is PASS, but the summary says 'FAIL: spot'"),
    ],
    ids=[
        "another document",
        "a newer verdict",
        "an older verdict",
        "an older result",
        "a rule without parts",
        "another policy",
        "no day",
        "half a character",
        "an edited outcome",
        "an edited summary",
    ],
)
def test_what_cannot_be_attested_is_refused(change, says):
    changed = {key: value for key, value in {**told(), **change}.items() if value is not None}

    with pytest.raises(InvalidSource, match=says):
        attestable_verdict(json.dumps(changed).encode(), "v.json", today=TODAY)


def test_a_verdict_whose_rules_do_not_follow_from_their_checks_is_refused():
    failed = told(spots=PLANTED)
    edited = {**failed, "outcome": "PASS", "rules": [{**rule, "outcome": "PASS"} for rule in failed["rules"]]}

    with pytest.raises(InvalidSource, match="spot is PASS, but its checks say FAIL"):
        attestable_verdict(json.dumps(edited).encode(), "v.json", today=TODAY)


def passed_anyway():
    """A verdict that fails, with every outcome and the summary edited, but not its p."""
    edited = json.loads(json.dumps(told(spots=PLANTED)).replace('"FAIL"', '"PASS"'))
    return {**edited, "summary": "PASS: 1 rule of level error within limits"}


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (lambda rule: None, r"spot is PASS, but its p of \S+ is within its part of the error budget, 0\.01;"),
        (lambda rule: rule.update(p=1.0), r"spot has a p of 1\.0, but one of its checks has "),
        (lambda rule: rule.update(share=0.0), r"spot was judged at 0\.0, but its part of the error budget is 0\.01;"),
    ],
    ids=["outcomes", "and the rule's p", "and its share"],
)
def test_a_verdict_whose_outcomes_do_not_follow_from_their_p_is_refused(edit, says):
    edited = passed_anyway()
    (rule,) = [one for one in edited["rules"] if one["id"] == "spot"]
    edit(rule)

    with pytest.raises(InvalidSource, match=f"contradicts itself: {says}"):
        attestable_verdict(json.dumps(edited).encode(), "v.json", today=TODAY)


def test_a_failure_whose_p_does_not_fail_is_refused():
    edited = told(spots=PLANTED)
    (rule,) = [one for one in edited["rules"] if one["id"] == "spot"]
    next(check for check in rule["checks"] if check["outcome"] == "FAIL")["p"] = 0.5

    with pytest.raises(InvalidSource, match=r"a check of spot is FAIL, but its p of 0\.5 does not fail"):
        attestable_verdict(json.dumps(edited).encode(), "v.json", today=TODAY)


def test_a_verdict_of_a_later_day_is_not_signed():
    yesterday = TODAY - timedelta(days=1)

    with pytest.raises(InvalidSource, match=f"cannot be signed: it was judged on {TODAY}, but today is {yesterday}"):
        attestable_verdict(json.dumps(told()).encode(), "v.json", today=yesterday)


def cut(**more):
    """The verdict of an audit that was cut before anything was measured, with weights that it cannot have."""
    verdict = unmeasured(policy_of("version: 1", "modicum.yaml", today=TODAY), "cut", today=TODAY).as_json()
    return {**verdict, "result": {**verdict["result"], "weights_digests": {VERSION: WEIGHTS_DIGEST}}, **more}


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {"outcome": "PASS"},
            "nothing was measured, so the outcome is INCONCLUSIVE, but it says PASS and 'INCONCLUSIVE: cut'",
        ),
        (
            {"summary": "PASS: x"},
            "nothing was measured, so the outcome is INCONCLUSIVE, but it says INCONCLUSIVE and 'PASS: x'",
        ),
        ({"rules": told()["rules"]}, "nothing was measured, but a rule is PASS"),
    ],
)
def test_a_verdict_without_a_result_that_passes_is_refused(more, says):
    with pytest.raises(InvalidSource, match=says):
        attestable_verdict(json.dumps(cut(**more)).encode(), "v.json", today=TODAY)
