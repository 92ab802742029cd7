"""Shared nouns of the figure tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    # importlib mode puts no folder of tests on the path, so the helper is loaded by its place.
    name = "consolidate_tests_synthetic"
    if name not in sys.modules:
        place = Path(__file__).parents[1] / "reporting" / "synthetic.py"
        spec = importlib.util.spec_from_file_location(name, place)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def small(synthetic):
    return synthetic.make_case(n_hosts=9, n_vms=20)


@pytest.fixture(scope="session")
def large(synthetic):
    return synthetic.make_case(n_hosts=800, n_vms=1600, n_steps=216, parallel=8, kept=190)


@pytest.fixture
def ax():
    from matplotlib.figure import Figure

    from consolidate.plotting import style

    with style():
        yield Figure(figsize=(10, 4), layout="constrained").subplots()
