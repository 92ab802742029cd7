"""The command line in this process, and a small cloud to use it on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from consolidate.cli.main import main
from consolidate.datasets import PrivateCloud, generate, write_dataset

#: Options that make a solve quick.
QUICK = ("--policy", "ffd", "--iterations", "20", "--deterministic-seconds", "0.1")


@dataclass(frozen=True)
class Outcome:
    """What a command ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def consolidate(capsys):
    """Run a command as the script does, errors and exit codes included."""

    def call(*args: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as caught:
            main([str(a) for a in args])
        printed = capsys.readouterr()
        return Outcome(int(caught.value.code or 0), printed.out, printed.err)

    return call


@pytest.fixture(scope="session")
def cloud(tmp_path_factory) -> Path:
    """Sixteen VMs on six hosts for three hours."""
    dataset = generate(PrivateCloud(vms=16, days=1 / 8, hosts=6), 1)
    return write_dataset(dataset, tmp_path_factory.mktemp("cloud") / "data")


@pytest.fixture(scope="session")
def options(cloud) -> tuple[str, ...]:
    return ("--fleet", f"{cloud}/fleet.toml", "--rules", f"{cloud}/rules.toml", *QUICK)


@pytest.fixture
def tidy(tmp_path) -> Path:
    """A correct trace of two VMs in CSV, to be spoiled."""
    folder = tmp_path / "input"
    folder.mkdir()
    rows = [
        f"2024-03-05T{step // 12:02d}:{5 * (step % 12):02d}:00Z,vm-{k},{100 + step},2048"
        for step in range(24)
        for k in range(2)
    ]
    text = "timestamp_utc,vm_id,cpu_mcores,memory_mib\n" + "\n".join(rows) + "\n"
    folder.joinpath("trace.csv").write_text(text)
    folder.joinpath("vms.csv").write_text(
        "vm_id,vcpus,cpu_mcores,memory_mib,dirty_mib_per_s\nvm-0,2,2000,4096,1\nvm-1,2,2000,4096,1\n"
    )
    return folder


@pytest.fixture
def planetlab(tmp_path) -> Path:
    """A correct day of three VMs in PlanetLab's format, to be spoiled."""
    folder = tmp_path / "20110303"
    folder.mkdir()
    for name in ("a", "b", "c"):
        folder.joinpath(name).write_text("7\n" * 288)
    return folder
