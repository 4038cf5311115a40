"""Policies of a few lines, as the tests of policies write them."""

import pytest
from modicum.errors import PolicyError
from modicum.gate.policy import Policy
from modicum.gate.policy_file import policy_of

from tests.gate.documents import TODAY


def policy(text: str) -> Policy:
    """The policy with these lines below its version."""
    return policy_of(f"version: 1\n{text}", "modicum.yaml", today=TODAY)


def refused(text: str) -> str:
    """What is said of such a policy, which is refused."""
    with pytest.raises(PolicyError) as raised:
        policy(text)
    return str(raised.value)
