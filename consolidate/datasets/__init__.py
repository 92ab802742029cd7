"""Data to work with: a generator of private clouds, and a catalogue of public traces."""

from __future__ import annotations

from consolidate.datasets.catalogue import DatasetEntry, fetch, list_datasets
from consolidate.datasets.generate import Dataset, PrivateCloud, generate
from consolidate.datasets.write import fleet_toml, rules_toml, write_dataset

__all__ = [
    "Dataset",
    "DatasetEntry",
    "PrivateCloud",
    "fetch",
    "fleet_toml",
    "generate",
    "list_datasets",
    "rules_toml",
    "write_dataset",
]
