"""Days as they are needed: generated ones, and the naive twin."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from consolidate.cloudsim import Day


def _load(name: str):
    # importlib mode puts no folder of tests on the path, so helpers are loaded by their place.
    full = f"consolidate_tests_cloudsim_{name}"
    spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[full] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def naive():
    """The slow twin: ``tests/cloudsim/naive.py`` and what it is made of."""
    parts = [_load(name) for name in ("naive_map", "naive_hosts", "naive_policy", "naive")]
    return parts[-1]


@pytest.fixture(scope="session")
def a_day():
    """Build a day of walks at random, with VMs that fall idle for good and hours of high demand."""

    def build(seed: int, vms: int = 16, steepness: float = 9.0) -> Day:
        random = np.random.default_rng(seed)
        level = random.uniform(0, 60, (vms, 1))
        walk = level + np.cumsum(random.normal(0, steepness, (vms, 288)), axis=1)
        walk = np.abs((walk + 100) % 200 - 100)
        quiet = random.random(vms) < 0.25
        ends = random.integers(5, 280, vms)
        walk[quiet[:, None] & (np.arange(288) >= ends[:, None])] = 0
        return Day(ids=tuple(f"vm-{i}" for i in range(vms)), percent=walk.round().astype(np.int64))

    return build
