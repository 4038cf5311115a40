"""Audits judged over the real store: what is stored, who may, and that the engine is the command's own."""

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from modicum.gate.judging import judge
from modicum.gate.policy_file import policy_of
from modicum_server.domain.findings import Finding, Subset
from modicum_server.domain.verdicts import RuleLevel, VerdictLimit, VerdictOutcome
from modicum_server.errors import (
    AuditNotFound,
    AuditNotSucceeded,
    FieldInvalid,
    PolicyInvalid,
    ResultIncomplete,
)
from modicum_server.usecases.judging import AskedPolicy, Judging
from modicum_server.usecases.request_ids import CreateOptions

from tests.gate.documents import VERSION, image, share, with_rows
from tests.usecases.judging_stage import (
    ACCURACY,
    COMPARED,
    DOCUMENTS,
    PLAIN,
    WAIVED,
    bytes_of,
    count,
    judged,
    report_of,
)
from tests.usecases.usecases_stage import AUDITOR, PROJECT, TODAY, VIEWER, draft


@pytest.mark.long_after(1)
@pytest.mark.parametrize("policy", [PLAIN, ACCURACY, WAIVED], ids=["preset", "measure", "waiver"])
@pytest.mark.parametrize("name", DOCUMENTS)
async def test_the_server_says_what_the_command_says_of_the_same_report(place, audited, name, policy):
    audit = await audited(name)

    stored = await judged(place, audit, policy, file="gates/modicum.yaml")

    offline = judge(
        await report_of(place, audit), policy_of(policy, "gates/modicum.yaml", today=TODAY), today=TODAY
    ).as_json()
    assert json.loads(await bytes_of(place, stored.document_digest)) == offline
    assert (stored.outcome, stored.summary) == (offline["outcome"], offline["summary"])
    assert [(rule.id, rule.outcome, rule.p, rule.check_count) for rule in stored.rules] == [
        (rule["id"], rule["outcome"], rule["p"], len(rule["checks"])) for rule in offline["rules"]
    ]


async def test_a_verdict_says_what_was_judged_by_what_by_whom_and_when(place, audited):
    audit = await audited("planted")
    before = datetime.now(UTC)

    stored = await judged(place, audit, ACCURACY)

    (rule,) = stored.rules
    result = await place.audits.get(VIEWER, audit)
    assert stored.name.startswith(f"{PROJECT}/verdicts/")
    assert (stored.audit, stored.model_versions) == (audit, result.specification.model_versions)
    assert (stored.outcome, stored.principal) == (VerdictOutcome.FAIL, AUDITOR.name)
    assert stored.policy_digest == hashlib.sha256(ACCURACY.encode()).hexdigest()
    assert await bytes_of(place, stored.policy_digest) == ACCURACY.encode()
    assert (stored.result_digest, stored.baseline, stored.baseline_digest) == (result.result_digest, "", "")
    assert before <= stored.create_time <= datetime.now(UTC)
    assert (rule.id, rule.level, rule.outcome) == ("accuracy", RuleLevel.ERROR, VerdictOutcome.FAIL)
    assert rule.limits == (VerdictLimit("min", 0.8),)
    assert (rule.worst.model_version, rule.worst.value, rule.worst.n) == (VERSION, 0.5, 200)


async def test_a_waived_failure_passes_and_stays_visible(place, audited):
    stored = await judged(place, await audited("planted"), WAIVED)

    (rule,) = stored.rules
    assert (stored.outcome, rule.outcome) == (VerdictOutcome.PASS, VerdictOutcome.WAIVED)
    assert rule.worst.waived.startswith("waived by us until")


@pytest.mark.long
async def test_the_deciding_check_calls_its_class_a_class(place, audited):
    stored = await judged(place, await audited("planted"), PLAIN)

    assert next(rule for rule in stored.rules if rule.id == "spot").worst.subject == "class cat"


@pytest.mark.long
async def test_waivers_are_compared_with_the_day_of_the_server(place, audited):
    late = Judging(
        place.store,
        place.artifact_store,
        place.reports,
        place.report_threads,
        place.policy_threads,
        today=lambda: TODAY + timedelta(days=10),
    )

    policy = AskedPolicy(WAIVED.replace("0.99", "0.5"))

    stored = await late.judge(AUDITOR, await audited(), policy, CreateOptions())

    assert (stored.outcome, stored.summary) == (VerdictOutcome.FAIL, "FAIL: 1 waiver expired")


def comparable(version, right):
    """A document that can be compared with another, and the findings of its images, predicted right or wrong."""
    whole = with_rows([image(at, predicted=int(at >= right)) for at in range(200)], version)
    mask = bytes(8)
    findings = [
        Finding(
            at,
            f"{at}.png",
            one["image_digest"],
            version,
            0,
            label=0,
            predicted_class=one["predicted_class"],
            eligible=True,
            subset=Subset(mask, 8, 8, 8 + at % 3),
        )
        for at, one in enumerate(whole.pop("rows"))
    ]
    return whole, findings


@pytest.mark.long_after(1)
@pytest.mark.parametrize(("right", "outcome"), [(180, "PASS"), (140, "FAIL"), (170, "INCONCLUSIVE")])
async def test_a_baseline_is_another_audit_and_is_compared_image_by_image(place, audited, right, outcome):
    main, candidate = await audited(*comparable("main", 180)), await audited(*comparable("new", right), seed=1)

    stored = await judged(place, candidate, COMPARED, baseline=main)

    policy = policy_of(COMPARED, "modicum.yaml", today=TODAY)
    documents = [await report_of(place, one) for one in (candidate, main)]
    offline = judge(documents[0], policy, today=TODAY, baseline=documents[1])
    assert stored.outcome == outcome
    assert json.loads(await bytes_of(place, stored.document_digest)) == offline.as_json()
    rule = next(one for one in stored.rules if one.id == "accuracy")
    assert (stored.baseline, rule.limits) == (main, (VerdictLimit("max_regression", 0.05),))
    assert rule.worst.interval.low < rule.worst.value < rule.worst.interval.high
    assert stored.baseline_digest == (await place.audits.get(VIEWER, main)).result_digest


async def test_the_server_counts_again_at_the_alpha_of_a_policy(place, audited):
    whole, findings = comparable("new", 180)
    rates = (
        "overinterpretation_rate",
        "overinterpretation_rate_with_baseline_confident",
        "overinterpretation_rate_class_targeted",
    )
    whole["models"][0]["searches"][0]["measures"] |= dict.fromkeys(rates, share(0, 200))
    text = "version: 1\naudit: {alpha: 0.14}\nrules: {spot: off, overinterpretation-rate: {max: 0.5}}\n"
    audit = await audited(whole, findings)

    stored = await judged(place, audit, text)

    policy = policy_of(text, "modicum.yaml", today=TODAY)
    offline = judge(await report_of(place, audit), policy, today=TODAY)
    assert json.loads(await bytes_of(place, stored.document_digest)) == offline.as_json()
    assert stored.rules[0].worst.value == pytest.approx(67 / 200)


@pytest.mark.long
async def test_a_baseline_may_be_named_although_no_rule_compares(place, audited):
    main = await audited(*comparable("main", 180))

    stored = await judged(place, main, PLAIN, baseline=main)

    assert (stored.outcome, stored.baseline) == (VerdictOutcome.PASS, main)


@pytest.mark.long
async def test_a_policy_may_name_the_audit_to_compare_with(place, audited):
    main, candidate = await audited(*comparable("main", 180)), await audited(*comparable("new", 140), seed=1)
    names = COMPARED.replace("file: main.json", f"audit: {main.rsplit('/', 1)[-1]}")

    stored = await judged(place, candidate, names)

    assert (stored.outcome, stored.baseline) == (VerdictOutcome.FAIL, main)
    with pytest.raises(FieldInvalid, match=r"policy\.baseline\.audit: expected an audit of projects/default"):
        await judged(place, candidate, COMPARED.replace("file: main.json", "audit: projects/elsewhere/audits/main"))


BY_MODEL = COMPARED.replace("file: main.json", "model: NAME")


@pytest.mark.long_after(1)
@pytest.mark.parametrize("name", ["net", "net/1", f"{PROJECT}/models/net/versions/1"])
async def test_a_policy_may_name_a_version_of_which_the_newest_audit_measured_alike_counts(place, audited, name):
    main = await audited(*comparable("main", 180))
    other, findings = comparable("other", 180)
    other["parameters"]["versions"] = {"torch": "other"}
    await audited(other, findings, seed=2)  # newer, and measured otherwise
    candidate = await audited(*comparable("new", 140), seed=1)

    stored = await judged(place, candidate, BY_MODEL.replace("NAME", name))

    assert (stored.outcome, stored.baseline) == (VerdictOutcome.FAIL, main)


@pytest.mark.long
async def test_a_version_without_an_audit_that_was_measured_alike_is_no_baseline(place, audited):
    other, findings = comparable("other", 180)
    candidate = await audited(*comparable("new", 140), seed=1)

    with pytest.raises(FieldInvalid, match="no stored audit used these images; create such an audit"):
        await judged(place, candidate, BY_MODEL.replace("NAME", "net"))
    other["parameters"]["versions"] = {"torch": "other"}
    await audited(other, findings, seed=2)
    with pytest.raises(FieldInvalid, match="the newest of these images differs in versions"):
        await judged(place, candidate, BY_MODEL.replace("NAME", "net/1"))
    for unknown in ("gone", "net/9"):
        with pytest.raises(
            FieldInvalid, match=r"policy\.baseline\.model: expected MODEL or MODEL/NUMBER, naming a READY version"
        ):
            await judged(place, candidate, BY_MODEL.replace("NAME", unknown))
    with pytest.raises(FieldInvalid, match=r"policy\.baseline\.model: expected a model of projects/default"):
        await judged(place, candidate, BY_MODEL.replace("NAME", "projects/elsewhere/models/net"))


@pytest.mark.long
async def test_one_version_of_an_audit_of_several_is_judged_alone(place, audit_draft):
    (first,), second = audit_draft.specification.model_versions, (await place.register(weights=b"others")).name
    several = draft(versions=(first, second), dataset=audit_draft.specification.dataset)
    audit = (await place.audit(several, no_reuse=True)).name
    named = {
        version: json.loads(json.dumps(DOCUMENTS[name]).replace(VERSION, version))
        for version, name in ((first, "clean"), (second, "planted"))
    }
    both = {part: [*named[first][part], *named[second][part]] for part in ("models", "spots", "mitigation")}
    await place.succeed(audit, {**named[first], **both, "audit": audit}, ())

    together, *alone = [await judged(place, audit, version=version) for version in ("", first, second)]

    assert [one.outcome for one in (together, *alone)] == ["FAIL", "PASS", "FAIL"]
    assert [one.model_versions for one in (together, *alone)] == [(first, second), (first,), (second,)]
    assert json.loads(await bytes_of(place, alone[0].document_digest))["result"]["model_digests"].keys() == {first}
    with pytest.raises(FieldInvalid, match="model_version: expected a version of projects/default/audits"):
        await judged(place, audit, version=f"{PROJECT}/models/net/versions/7")


@pytest.mark.long
async def test_a_policy_that_compares_needs_the_name_of_a_baseline_in_the_same_project(place, audited):
    audit = await audited()

    with pytest.raises(FieldInvalid, match=r"baseline: a rule of modicum\.yaml compares with a baseline"):
        await judged(place, audit, COMPARED)
    with pytest.raises(FieldInvalid, match="baseline: expected an audit of projects/default"):
        await judged(place, audit, COMPARED, baseline="projects/elsewhere/audits/main")
    with pytest.raises(AuditNotFound, match="audits/main"):
        await judged(place, audit, COMPARED, baseline=f"{PROJECT}/audits/main")


@pytest.mark.long_after(1)
@pytest.mark.parametrize(
    ("policy", "place_in_file"),
    [
        ("version: 1\nrules:\n  spott: error\n", "gate.yaml:3:3: unknown rule 'spott'"),
        ("version: 1\nrules: {accuracy: {max: x}}\n", "gate.yaml:2:25"),
        ("version: 1\n  rules: [", "gate.yaml:2:8"),
        ("version: 1\nversion: 1\n", "gate.yaml:2:1: the key 'version' occurs twice"),
        ("[" * 60_000, "gate.yaml: lists and mappings are nested too deeply"),
        ('version: 1\nrules: {"a\\0": error}', "gate.yaml:2:9: expected text without control characters"),
    ],
    ids=["rule", "type", "yaml", "twice", "deep", "control character"],
)
async def test_what_is_wrong_with_a_policy_is_told_by_line_and_column(place, audited, policy, place_in_file):
    with pytest.raises(PolicyInvalid) as refused:
        await judged(place, await audited(), policy, file="gate.yaml")

    assert refused.value.field == "policy"
    assert place_in_file in str(refused.value)
    assert await count(place) == 0


@pytest.mark.long
async def test_a_policy_that_asks_for_what_the_result_cannot_have_is_refused(place, audited):
    unlabelled = {**DOCUMENTS["clean"], "dataset": {"name": f"{PROJECT}/datasets/photos", "labelled": 0}}

    with pytest.raises(PolicyInvalid, match=r"modicum\.yaml:4:3: accuracy needs labels"):
        await judged(place, await audited(unlabelled), ACCURACY)


@pytest.mark.long
async def test_a_rule_about_objects_is_refused_where_no_audited_image_had_any(place, audited):
    nothing = {"with_labels": 200, "with_boxes": 0, "with_masks": 0}
    clean = DOCUMENTS["clean"]
    bare, boxed = ({**clean, "dataset": {**clean["dataset"], **nothing, "with_boxes": boxes}} for boxes in (0, 3))
    policy = ACCURACY.replace("accuracy", "object-share-median")

    with pytest.raises(PolicyInvalid, match=r"modicum\.yaml:4:3: object-share-median needs boxes or masks"):
        await judged(place, await audited(bare), policy)
    assert (await judged(place, await audited(boxed), policy)).outcome == "INCONCLUSIVE"


@pytest.mark.long
async def test_a_stored_result_that_lacks_something_is_told_from_a_wrong_policy(place, audited):
    damaged = {name: value for name, value in DOCUMENTS["clean"].items() if name != "specification"}

    with pytest.raises(ResultIncomplete, match="has no 'specification'"):
        await judged(place, await audited(damaged), ACCURACY)


async def test_only_an_audit_that_succeeded_is_judged(place, audit_draft):
    audit = await place.audit(audit_draft)

    with pytest.raises(AuditNotSucceeded, match="QUEUED"):
        await judged(place, audit.name)
    with pytest.raises(AuditNotFound):
        await judged(place, f"{PROJECT}/audits/gone")
