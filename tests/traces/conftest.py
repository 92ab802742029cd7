"""Small files of every format, and the folder of real data."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

HEADER = (
    "Timestamp [ms];\tCPU cores;\tCPU capacity provisioned [MHZ];\tCPU usage [MHZ];\tCPU usage [%];\t"
    "Memory capacity provisioned [KB];\tMemory usage [KB];\tDisk read throughput [KB/s];\t"
    "Disk write throughput [KB/s];\tNetwork received throughput [KB/s];\t"
    "Network transmitted throughput [KB/s]"
)
START = 1_372_629_600  # a multiple of 300 s


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real data; tests that need it are skipped where it is absent."""
    named = os.environ.get("CONSOLIDATE_DATA")
    folder = Path(named) if named else Path(__file__).parents[3] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"no real data in {folder}; set CONSOLIDATE_DATA to their folder")
    return folder


@pytest.fixture
def planetlab_day(tmp_path: Path) -> Path:
    """A day of five VMs whose percentage is the VM's number in every step."""
    day = tmp_path / "20110303"
    day.mkdir()
    for i, name in enumerate(("a_host", "b host", "C_host", "d_host", "e_host")):
        day.joinpath(name).write_text("\n".join(str(i + 1) for _ in range(288)) + "\n")
    return day


def bitbrains_row(
    time: object,
    *,
    cores: object = 2,
    mhz: object = 4000.0,
    used: object = 500.0,
    percent: object = 12.5,
    memory: object = 2097152.0,
    memory_used: object = 1024.5,
) -> str:
    """One line of a Bitbrains file."""
    values = (time, cores, mhz, used, percent, memory, memory_used, 0.0, 1.5, 0.0, 0.1)
    return ";\t".join(str(v) for v in values)


@pytest.fixture
def bitbrains(tmp_path: Path) -> Callable[..., Path]:
    """Write a Bitbrains folder from lines per file."""

    def write(**files: list[str]) -> Path:
        folder = tmp_path / "rnd"
        folder.mkdir(exist_ok=True)
        for name, lines in files.items():
            file = folder / f"{name.removeprefix('vm')}.csv"
            file.write_text("\n".join([HEADER, *lines]) + "\n")
        return folder

    return write


TIDY_VMS = "vm_id,vcpus,cpu_mcores,memory_mib\nweb,2,2000,4096\ndb,4,4000,8192\n"


@pytest.fixture
def tidy(tmp_path: Path) -> Callable[..., Path]:
    """Write a tidy CSV from rows, with a table of the VMs web and db beside it."""

    def write(
        *rows: str,
        header: str = "timestamp_utc,vm_id,cpu_mcores,memory_mib",
        vms: str | None = TIDY_VMS,
        name: str = "demand.csv",
    ) -> Path:
        if vms is not None:
            tmp_path.joinpath("vms.csv").write_text(vms)
        path = tmp_path / name
        path.write_text("\n".join([header, *rows]) + "\n")
        return path

    return write


def instant(step: int, *, second: int = 0) -> str:
    """Instant of a 300 s step on 2024-01-01."""
    total = step * 300 + second
    return f"2024-01-01T{total // 3600:02d}:{total // 60 % 60:02d}:{total % 60:02d}Z"
