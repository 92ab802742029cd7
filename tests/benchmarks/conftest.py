"""The benchmarks stand outside the package; a source distribution does not carry them."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]

if (_ROOT / "benchmarks").is_dir():
    if str(_ROOT) not in sys.path:
        sys.path.insert(0, str(_ROOT))
else:
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def small():
    """Build a small instance of a frozen family."""
    from benchmarks.instances import SPECS

    def build(family: str, *, vms: int, hosts: int, seed: int):
        spec = replace(SPECS[f"{family}-100"], vms=vms, hosts=hosts, seed=seed)
        return spec.build(spec)

    return build
