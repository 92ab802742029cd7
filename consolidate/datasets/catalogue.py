"""The catalogue of public data sets that consolidate can read, and how to get them."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path

from consolidate.datasets.download import download
from consolidate.errors import ConfigError, UnknownNameError

__all__ = ["DatasetEntry", "fetch", "list_datasets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetEntry:
    """A public data set or one file of it.

    Parameters
    ----------
    name
        Name in the catalogue.
    title
        What it is.
    url
        Address; of a file when it can be fetched, else of the place to get it by hand.
    licence
        Terms, as far as its publisher states them.
    citation
        Whom to cite; empty when nothing is asked for.
    format
        Name of the reader; empty when there is none yet.
    note
        What a user has to know.
    bytes
        Size of the file, if known.
    sha256
        Hash of the file, if known; only then can it be fetched.
    checksum_source
        Who states the hash.
    """

    name: str
    title: str
    url: str
    licence: str
    citation: str = ""
    format: str = ""
    note: str = ""
    bytes: int | None = None
    sha256: str = ""
    checksum_source: str = ""

    @property
    def fetchable(self) -> bool:
        """Whether :func:`fetch` can get it: one file, with a known hash."""
        return bool(self.sha256)


def list_datasets() -> tuple[DatasetEntry, ...]:
    """Return the catalogue, in the order of ``registry.toml``."""
    return tuple(_entries().values())


def fetch(name: str, folder: str | Path) -> Path:
    """Download a data set and check its hash.

    Parameters
    ----------
    name
        Name in the catalogue.
    folder
        Where to put the file; a file that is already there with the right hash is not loaded again.

    Returns
    -------
    The file.

    Raises
    ------
    ConfigError
        When the data set has no known hash, or is no single file: the message says where to get it.
    InputError
        When the download fails, or is not the file that the hash belongs to.
    UnknownNameError
        When there is no such data set.
    """
    entries = _entries()
    if name not in entries:
        near = difflib.get_close_matches(name, entries, n=1)
        kind = "data set"
        raise UnknownNameError(kind, name, known=list(entries), nearest=near[0] if near else None)
    entry = entries[name]
    if not entry.fetchable:
        msg = f"has no known checksum, so it is not fetched; get it by hand from {entry.url}"
        raise ConfigError(msg, path=f"datasets.{name}")
    return download(entry.url, Path(folder), sha256=entry.sha256)


@cache
def _entries() -> dict[str, DatasetEntry]:
    import tomllib

    text = resources.files("consolidate.datasets").joinpath("registry.toml").read_text("utf-8")
    return {row["name"]: DatasetEntry(**row) for row in tomllib.loads(text)["dataset"]}
