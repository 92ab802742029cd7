"""When, where and how long: the one file of a run folder that differs between equal runs."""

from __future__ import annotations

import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from consolidate.study.folder import read_json, write_json

__all__ = ["environment", "note_stage"]

_PACKAGES = (
    "numpy",
    "pandas",
    "pyarrow",
    "ortools",
    "networkx",
    "matplotlib",
    "numba",
    "click",
    "msgspec",
    "jinja2",
    "rich",
)


def environment() -> dict[str, object]:
    """Return versions of the package, of Python and of every dependency, and the kind of machine."""
    import os
    from importlib import metadata

    from consolidate._version import __version__

    def version(name: str) -> str:
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return "not installed"

    return {
        "consolidate": __version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "packages": {name: version(name) for name in _PACKAGES},
    }


def note_stage(folder: Path, stage: str, seconds: float, **more: object) -> None:
    """Add a stage to ``provenance.json``."""
    path = folder / "provenance.json"
    about: dict[str, Any] = {"environment": environment(), "stages": []}
    if path.is_file():
        about = read_json(path)
    about["stages"].append(
        {
            "stage": stage,
            "ended_utc": datetime.now(tz=UTC).isoformat(timespec="seconds"),
            "wall_s": round(seconds, 3),
            **more,
        }
    )
    write_json(path, about)
