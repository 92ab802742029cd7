"""The helper modules of the engine tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load(name: str) -> ModuleType:
    # importlib mode puts no folder of tests on the path, so helpers are loaded by their place.
    full = f"consolidate_tests_engine_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


@pytest.fixture(scope="session")
def naive() -> ModuleType:
    """The oracle."""
    return _load("naive")


@pytest.fixture(scope="session")
def scenes() -> ModuleType:
    """What is replayed."""
    return _load("scenes")


@pytest.fixture(scope="session")
def naive_stops(naive) -> type:
    """The oracle with storage and failures."""
    return _load("naive_stops").with_stops(naive.Naive)
