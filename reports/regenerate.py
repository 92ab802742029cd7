"""Regenerate ``reports/`` from the real traces: one command, no number by hand.

The traces are not part of the project; ``--data`` names the folder that has them.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import consolidate as cs
from consolidate.reporting import summary_row, write_summary_table

HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run of the summary table."""

    name: str
    trace: str
    fleet: str | None = None
    repair: tuple[str, ...] = ()


CASES = (
    Case(
        name="PlanetLab 20110303, 16 GiB hosts",
        trace="planetlab/20110303.tar.xz",
        fleet="planetlab-16gib",
    ),
    Case(
        name="PlanetLab 20110303, 4 GiB hosts (memory-bound)",
        trace="planetlab/20110303.tar.xz",
        fleet="planetlab-4gib",
    ),
    Case(
        name="Bitbrains Rnd July 2013, 72 VMs, fleet sized for it",
        trace="bitbrains-rnd/rnd-2013-7-72vm.tar.xz",
        repair=("drop-duplicates", "keep-last", "snap", "fill-gaps"),
    ),
)


def main() -> int:
    """Run every case, check it, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--keep", type=Path, help="folder for the run folders; default a temporary one")
    chosen = parser.parse_args()
    missing = [case.trace for case in CASES if not (chosen.data / case.trace).exists()]
    if missing:
        print(
            f"{chosen.data}: {', '.join(sorted(set(missing)))} not found; give --data", file=sys.stderr
        )
        return 2
    with tempfile.TemporaryDirectory() as temporary:
        rows = [_run(case, chosen.data, chosen.keep or Path(temporary)) for case in CASES]
    for path in write_summary_table(rows, HERE / "real-traces" / "summary"):
        print(path.relative_to(HERE.parent))
    return 0


def _run(case: Case, data: Path, folder: Path) -> object:
    out = folder / case.name.replace(" ", "-").replace(",", "")
    config = cs.RunConfig(
        trace=str(data / case.trace), fleet=case.fleet, repair=case.repair, carbon="DE"
    )
    cs.run(config, out)
    report = cs.report_run(out)
    report.write(out)
    verdict = cs.check_run(out)
    if not verdict.ok:
        raise SystemExit(verdict.to_text())
    print(f"{case.name}: {verdict.to_text().splitlines()[0]}")
    return summary_row(case.name, report)


if __name__ == "__main__":
    sys.exit(main())
