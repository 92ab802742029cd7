"""Hashes of the files that were judged."""

from __future__ import annotations

import hashlib
from pathlib import Path

__all__ = ["file_hashes"]


def file_hashes(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of every file of a folder, by its path inside."""
    hashes = {}
    for entry in sorted(folder.rglob("*")):
        if entry.is_file() and not entry.is_symlink():
            with entry.open("rb") as content:
                digest = hashlib.file_digest(content, "sha256").hexdigest()
            hashes[entry.relative_to(folder).as_posix()] = digest
    return hashes
