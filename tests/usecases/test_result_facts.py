"""What pages know of a version from its result document."""

import pytest
from modicum_server.artifacts.store import open_artifact_store
from modicum_server.measures.document import canonical_json
from modicum_server.usecases.result_facts import ResultFacts

from tests.measures.example_audit import VERSION, document_and_rows
from tests.reports.spot_rows import FINDINGS, rows


@pytest.mark.parametrize(("spots", "outcome"), [(rows(), "DECISIVE"), (rows(follow=False), "INCONCLUSIVE"), ({}, "")])
async def test_a_version_has_the_outcome_of_its_spot_test(tmp_path, spots, outcome):
    store = open_artifact_store(str(tmp_path))
    document, _ = document_and_rows(FINDINGS, spots=spots)

    facts = await ResultFacts(store).of(await store.put(canonical_json(document)))

    assert (facts[VERSION].spots, facts[VERSION].outcome) == (outcome, outcome)
    assert facts[VERSION].sentences
