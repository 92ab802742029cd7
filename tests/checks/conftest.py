"""A correct run folder, built once, and copies of it to break."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pyarrow.parquet as pq
import pytest


def _load(name: str) -> ModuleType:
    # importlib mode puts no folder of tests on the path, so helpers are loaded by their place.
    full = f"consolidate_tests_{name}"
    if full not in sys.modules:
        spec = importlib.util.spec_from_file_location(full, Path(__file__).with_name(f"{name}.py"))
        module = importlib.util.module_from_spec(spec)
        sys.modules[full] = module
        spec.loader.exec_module(module)
    return sys.modules[full]


class Editor:
    """A copy of the correct run, with tools to break it."""

    def __init__(self, folder: Path, files: ModuleType) -> None:
        self.folder, self.files = folder, files

    def json(self, name, change):
        """Let ``change`` alter the content of a JSON file in place."""
        path = self.folder / name
        content = json.loads(path.read_text("utf-8"))
        change(content)
        path.write_text(json.dumps(content), "utf-8")

    def rows(self, name, change):
        """Let ``change`` alter the rows of a table in place; a plan is sorted again."""
        path = self.folder / name
        rows = pq.read_table(path).to_pylist()
        change(rows)
        if name == "plan.parquet":
            rows.sort(key=lambda r: (r["start_s"], r["action_id"]))
        self.files.write_rows(path, rows)

    def text(self, name, old, new):
        """Replace a text in a file; it has to be there."""
        path = self.folder / name
        content = path.read_text("utf-8")
        assert old in content
        path.write_text(content.replace(old, new), "utf-8")


@pytest.fixture(scope="session")
def scene() -> ModuleType:
    """Hosts, VMs, demand."""
    return _load("naive_scene")


@pytest.fixture(scope="session")
def naive(scene) -> ModuleType:
    """The oracle of the scene."""
    return _load("naive")


@pytest.fixture(scope="session")
def naive_files(naive) -> ModuleType:
    """The writer of its run folder."""
    _load("naive_tables")
    return _load("naive_files")


@pytest.fixture(scope="session")
def correct_run(naive_files, tmp_path_factory) -> Path:
    return naive_files.write_run(tmp_path_factory.mktemp("correct") / "run")


@pytest.fixture
def run(naive_files, correct_run, tmp_path) -> Editor:
    folder = tmp_path / "run"
    shutil.copytree(correct_run, folder)
    return Editor(folder, naive_files)
