"""What the answers of blind reviews say, and which reviews reports and verdicts name."""

import hashlib
import json
from dataclasses import replace

import pytest
from modicum_server.domain.reviews import PictureKind, ReviewOutcome
from modicum_server.domain.verdicts import VerdictOutcome
from modicum_server.usecases.read_reviews import review_document
from modicum_server.usecases.reports import REVIEWS_READ
from modicum_server.usecases.stored_results import read_document

from tests.usecases.judging_stage import judged
from tests.usecases.reviews_stage import SMALL
from tests.usecases.usecases_stage import AUDITOR, VIEWER

SEEING = [PictureKind.SUBSET, PictureKind.WHOLE]
REFUSES_CONFIRMED = "version: 1\nrules: {spot: off, review: {expect: [SEEN, INCONCLUSIVE]}}\n"


async def test_answers_move_the_figures_and_the_digest_which_is_that_of_the_document(reviewed):
    before = await reviewed.create()
    secret = await reviewed.reviewer(before.review.name)
    invited = await reviewed.reviews.get(VIEWER, before.review.name)
    shown = await reviewed.reviewing.now(secret)
    await reviewed.reviewing.answer(secret, shown.picture_id, None)
    after = await reviewed.reviews.get(VIEWER, before.review.name)

    assert len({before.digest, invited.digest, after.digest}) == 3
    document = review_document(after.review)
    assert hashlib.sha256(document).hexdigest() == after.digest
    assert "Ada" not in document.decode()
    assert len(json.loads(document)["sessions"][0]) == 1
    assert after.figures.outcome is ReviewOutcome.INCONCLUSIVE


@pytest.mark.long
async def test_people_who_recognise_whole_pictures_alone_confirm(reviewed):
    name = (await reviewed.create()).review.name
    await reviewed.answer(name, people=3, naming=[PictureKind.WHOLE])

    assert (await reviewed.reviews.get(VIEWER, name)).figures.outcome is ReviewOutcome.CONFIRMED


async def test_a_report_names_a_review_from_its_first_ended_session_on_and_the_result_stays(reviewed):
    result = await read_document(reviewed.place.artifact_store, reviewed.audit.result_digest)
    first = (await reviewed.create()).review.name
    await reviewed.begin(first)
    assert await reviewed.reported() == []
    assert await reviewed.place.reports.as_reported(AUDITOR, reviewed.audit) == result

    await reviewed.answer(first, people=1, naming=[])

    read = await reviewed.reviews.get(VIEWER, first)
    assert await reviewed.reported() == [
        {
            "name": first,
            "model_version": read.review.plan.model_version,
            "search_index": 0,
            "largest_fraction": 0.2,
            "outcome": "INCONCLUSIVE",
            "outcomes": [[tail, "INCONCLUSIVE"] for tail in (0.05, 0.025, 0.01, 0.005)],
            "could_confirm": False,
            "text": read.figures.text,
            "answers": 25,
            "digest": read.digest,
        }
    ]
    assert (await reviewed.place.audits.get(VIEWER, reviewed.audit.name)).result_digest == reviewed.audit.result_digest


@pytest.mark.long
async def test_no_newer_review_hides_one_that_is_confirmed(reviewed):
    confirmed = (await reviewed.create()).review.name
    await reviewed.answer(confirmed, people=4, naming=[PictureKind.WHOLE])
    await reviewed.create_many(REVIEWS_READ)
    unsettled, begun, seen = [(await reviewed.create(replace(SMALL, seed=seed))).review.name for seed in (7, 8, 9)]
    await reviewed.answer(unsettled, people=1, naming=[])
    await reviewed.begin(begun)

    before = [(one["name"], one["outcome"]) for one in await reviewed.reported()]
    await reviewed.answer(seen, people=3, naming=SEEING)
    after = [(one["name"], one["outcome"]) for one in await reviewed.reported()]

    assert before == [(confirmed, "CONFIRMED")]
    assert after == [(seen, "SEEN"), (confirmed, "CONFIRMED")]
    stored = await judged(reviewed.place, reviewed.audit.name, REFUSES_CONFIRMED)
    assert (stored.outcome, [rule.check_count for rule in stored.rules]) == (VerdictOutcome.FAIL, [2])


@pytest.mark.long
async def test_reviews_of_larger_subsets_neither_hide_those_of_small_ones_nor_pass_for_them(reviewed):
    larger = [replace(SMALL, largest_fraction=0.5, seed=seed) for seed in (7, 8)]
    seen = (await reviewed.create(larger[0])).review.name
    await reviewed.answer(seen, people=3, naming=SEEING)
    alone = await judged(
        reviewed.place, reviewed.audit.name, "version: 1\nrules: {spot: off, review: {expect: [SEEN]}}\n"
    )
    small = (await reviewed.create()).review.name
    await reviewed.answer(small, people=4, naming=[PictureKind.WHOLE])
    newest = (await reviewed.create(larger[1])).review.name
    await reviewed.answer(newest, people=4, naming=[PictureKind.WHOLE])

    told = [(one["name"], one["outcome"], one["largest_fraction"]) for one in await reviewed.reported()]

    assert told == [(newest, "CONFIRMED", 0.5), (small, "CONFIRMED", 0.2), (seen, "SEEN", 0.5)]
    assert alone.outcome is VerdictOutcome.INCONCLUSIVE
    assert "it shows subsets of at most 0.5 of the pixels" in alone.rules[0].worst.reason
    stored = await judged(reviewed.place, reviewed.audit.name, REFUSES_CONFIRMED)
    assert (stored.outcome, [rule.check_count for rule in stored.rules]) == (VerdictOutcome.FAIL, [1])


@pytest.mark.long
async def test_a_stored_verdict_passes_by_no_review_that_could_have_confirmed_nothing(reviewed):
    name = (await reviewed.create()).review.name
    await reviewed.begin(name)
    one_answer = await judged(reviewed.place, reviewed.audit.name, REFUSES_CONFIRMED)
    await reviewed.answer(name, people=1, naming=[PictureKind.WHOLE])
    one_session = await judged(reviewed.place, reviewed.audit.name, REFUSES_CONFIRMED)

    assert [one.outcome for one in (one_answer, one_session)] == [VerdictOutcome.INCONCLUSIVE] * 2
    assert "the audit has no blind review" in one_answer.rules[0].worst.reason
    assert "too few for CONFIRMED" in one_session.rules[0].worst.reason
