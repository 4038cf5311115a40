"""The place in which verdicts are signed."""

import pytest

from tests.attestation.attestation_stage import Place


@pytest.fixture
def place(tmp_path, forked_modicum):
    """A folder with weights, a policy, verdicts and keys."""
    return Place(tmp_path, forked_modicum)
