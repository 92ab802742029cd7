"""What all tests of policies share."""

from __future__ import annotations

import pytest

#: Policies for any instance.
BUILT_IN = (
    "auto",
    "bfd",
    "centric",
    "cp-sat",
    "dot",
    "drain",
    "ffd",
    "keep",
    "l2",
    "lns",
    "pabfd",
    "quick",
)


@pytest.fixture(params=BUILT_IN)
def name(request) -> str:
    """Return each policy for any instance in turn."""
    return request.param


@pytest.fixture
def built_in() -> tuple[str, ...]:
    """Return the names of all policies for any instance."""
    return BUILT_IN
