"""Shared nouns of the report tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest


def _load() -> ModuleType:
    # importlib mode puts no folder of tests on the path, so the helper is loaded by its place.
    name = "consolidate_tests_synthetic"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("synthetic.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]


@pytest.fixture(scope="session")
def synthetic() -> ModuleType:
    return _load()


@pytest.fixture(scope="session")
def reports(synthetic) -> dict:
    """Reports of all kinds of outcome, by name."""
    small = synthetic.make_case(n_hosts=9, n_vms=20)
    names = synthetic.HOSTILE
    still = synthetic.make_case(n_hosts=6, n_vms=12, moving=False)
    stay = synthetic.make_result(
        still.plan.target,
        still.before.total_mj,
        still.before.total_mj,
        worthwhile=False,
        message="<b>0.3 %",
    )
    make = synthetic.make_report
    return {
        "saved": make(small),
        "lost": make(synthetic.swapped(small)),
        "even": make(still, result=None),
        "stay": make(still, result=stay),
        "hostile": make(synthetic.make_case(n_hosts=10, n_vms=10, host_ids=names, vm_ids=names)),
        "huge": make(synthetic.make_case(n_hosts=9, n_vms=20, scale=1e7)),
        "sites": make(synthetic.make_case(n_hosts=8, n_vms=16, pues=(1.2, 1.54), hindsight=True)),
        "bare": make(small, result=None, instance=None, intensities=(), emissions_g=None, manifest=None),
    }


@pytest.fixture(scope="session")
def pages(reports) -> dict[str, str]:
    return {name: report.html() for name, report in reports.items()}
