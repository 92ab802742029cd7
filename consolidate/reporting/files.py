"""Write files so that a reader never sees half of one."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

__all__ = ["write_files"]


def write_files(folder: Path, contents: Mapping[str, str | bytes]) -> tuple[Path, ...]:
    """Write files by name into a folder, which is made if need be.

    All are written beside their places first and then renamed, so an error while writing leaves what
    was there before.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pending: list[tuple[Path, Path]] = []
    try:
        for name, content in contents.items():
            temporary = folder / f".{name}.{os.getpid()}.tmp"
            pending.append((temporary, folder / name))
            with temporary.open("wb") as file:
                # A lone surrogate can reach a name through JSON; it has no UTF-8 form.
                file.write(
                    content
                    if isinstance(content, bytes)
                    else content.encode("utf-8", "backslashreplace")
                )
                file.flush()
                os.fsync(file.fileno())
        for temporary, final in pending:
            temporary.replace(final)
    finally:
        for temporary, _ in pending:
            temporary.unlink(missing_ok=True)
    return tuple(final for _, final in pending)
