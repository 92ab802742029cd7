"""Helpers of the whole suite: builders of small nouns, and oracles that are slow and obvious."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, settings

# Compiled kernels make the first example slow, which says nothing about the strategy.
settings.register_profile(
    "consolidate",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("consolidate")


#: Tests that alone need certain kernels run in one process: two at once would each compile them.
GROUPS = {
    "cloudsim": (
        "tests/cloudsim/",
        "tests/control/",
        "tests/cli/test_cloudsim.py",
        "tests/benchmarks/test_cloudsim_validation.py",
        "tests/study/test_grid_cloudsim.py",
    ),
    "kernels": ("tests/kernels/",),
}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests belong together when they are dealt out to processes: those of a file, or of a group.

    First of all hooks, because the one that deals them out writes the groups into the names.
    """
    for item in items:
        file = item.nodeid.partition("::")[0]
        group = next((name for name, places in GROUPS.items() if file.startswith(places)), file)
        item.add_marker(pytest.mark.xdist_group(group))


def _load(name: str) -> ModuleType:
    # importlib mode puts no folder of tests on the path, so the helper is loaded by its place.
    full = f"consolidate_tests_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


@pytest.fixture(scope="session")
def builders() -> ModuleType:
    """Builders of small fleets, traces and instances: ``tests/builders.py``."""
    return _load("builders")


@pytest.fixture(scope="session")
def oracles() -> ModuleType:
    """Slow, obvious definitions and brute force: ``tests/oracles.py``."""
    return _load("oracles")
