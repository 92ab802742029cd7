"""Damage of any kind ends in an error about the input, never in a crash."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from consolidate.carbon import read_intensity
from consolidate.errors import InputError

TEXTS = ["electricitymaps_api", "watttime", "uk_api", "uk", "eia", "eia_api", "entsoe_csv", "entsoe_xml"]


def survives(path: Path, name: str) -> None:
    for format_ in (None, name):
        try:
            found = read_intensity(path, format=format_)
        except InputError:
            continue
        assert np.isfinite(found.g_per_kwh).all()


@pytest.mark.parametrize("name", [*TEXTS, "opendc"])
def test_changed_bytes(small_files: dict[str, Path], name: str, tmp_path: Path) -> None:
    """Bytes changed, removed and repeated, and files cut short."""
    rng = np.random.default_rng(1)
    whole = small_files[name].read_bytes()
    path = tmp_path / "damaged"
    for _ in range(60):
        data = bytearray(whole)
        for _ in range(rng.integers(1, 5)):
            at = int(rng.integers(0, len(data)))
            match rng.integers(0, 4):
                case 0:
                    data[at] = int(rng.choice(list(b'0-9,:."{}[]<>nulT\n\xff')))
                case 1:
                    del data[at : at + int(rng.integers(1, 40))]
                case 2:
                    data[at:at] = data[at : at + 30]
                case _:
                    del data[max(at, 1) :]
        path.write_bytes(bytes(data))
        survives(path, name)


@pytest.mark.parametrize("name", ["electricitymaps_api", "watttime", "uk_api", "eia_api"])
def test_changed_values_of_json(small_files: dict[str, Path], name: str, tmp_path: Path) -> None:
    """Every value of the document replaced in turn by one of another type, or removed."""
    document = json.loads(small_files[name].read_text())
    path = tmp_path / "damaged"
    for place in places(document):
        for value in (None, -1, 1e400, "x", True, [], {}, [[]], {"data": 1}):
            broken = copy.deepcopy(document)
            parent = broken
            for key in place[:-1]:
                parent = parent[key]
            parent[place[-1]] = value
            path.write_text(json.dumps(broken))
            survives(path, name)


def places(document: Any, before: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths to the values of a document; of a list, only into its first two."""
    if isinstance(document, dict):
        pairs = list(document.items())
    elif isinstance(document, list):
        pairs = list(enumerate(document))[:2]
    else:
        return []
    return [place for key, value in pairs for place in [(*before, key), *places(value, (*before, key))]]
