"""Run every study of this folder on the real traces and rewrite its results: one command, no number by hand.

Finished cells are kept in a folder of their own; only results come into ``reports/studies/<study>``.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import consolidate as cs

HERE = Path(__file__).parent


def main() -> int:
    """Run the studies one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=HERE.parents[2] / "shared" / "data")
    parser.add_argument("--cells", type=Path, required=True, help="folder that keeps finished cells")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("studies", nargs="*", help="names of studies; default all")
    chosen = parser.parse_args()
    if not chosen.data.is_dir():
        print(f"{chosen.data} not found; give --data", file=sys.stderr)
        return 2
    for file in sorted(HERE.glob("*.toml")):
        if chosen.studies and file.stem not in chosen.studies:
            continue
        done = cs.run_study(file, chosen.cells / file.stem, data=chosen.data, workers=chosen.workers)
        for path in cs.write_study(done, HERE / file.stem):
            print(path.relative_to(HERE.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main())
