"""A generated cloud, a run of it, and the helper module of the study tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from consolidate.datasets import PrivateCloud, generate, write_dataset


@pytest.fixture(scope="session")
def clouds() -> ModuleType:
    # importlib mode puts no folder of tests on the path, so the helper is loaded by its place.
    name = "consolidate_tests_study_clouds"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("clouds.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def cloud(tmp_path_factory) -> Path:
    """Two dozen VMs on six hosts for four hours, with rules, arrivals and departures."""
    given = PrivateCloud(vms=24, days=1 / 6, hosts=6, departures_per_day=0.5, newcomer_fraction=0.3)
    return write_dataset(generate(given, 3), tmp_path_factory.mktemp("cloud") / "data")


@pytest.fixture(scope="session")
def finished(cloud, clouds, tmp_path_factory):
    """A complete run; for reading only."""
    from consolidate.study import run

    return run(clouds.config(cloud), tmp_path_factory.mktemp("finished") / "run")


@pytest.fixture
def small(clouds, tmp_path) -> Path:
    """Six VMs on four hosts at two sites for three hours; the first of each site would do."""
    return clouds.write_cloud(tmp_path / "small", [(0, 36)] * 6)
