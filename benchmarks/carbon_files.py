"""``python -m benchmarks.carbon_files --data DIR``: what every real file of intensities, power and footprints gives.

Each file is read or refused; a row says what was read, or why not.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

from consolidate.carbon import inspect_intensity
from consolidate.errors import ConsolidateError
from consolidate.inventory import read_embodied, read_server_curves

COLUMNS = ("file", "verdict", "what")


def main() -> None:
    """Read the options, print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--data", type=Path, required=True, help="folder with the folders carbon, power, embodied"
    )
    data = parser.parse_args().data
    print("| " + " | ".join(COLUMNS) + " |")
    print("|" + "---|" * len(COLUMNS))
    for row in rows(data):
        print("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |")


def rows(
    data: Path, folders: tuple[str, ...] = ("carbon", "power", "embodied")
) -> Iterator[tuple[str, str, str]]:
    """Yield a row for each file of the folders: its name, ``reads`` or ``refused``, and what or why."""
    for folder in folders:
        about = {"carbon": _intensity, "power": _servers, "embodied": _footprints}[folder]
        for path in sorted(p for p in (data / folder).rglob("*") if p.is_file()):
            name = path.relative_to(data).as_posix()
            try:
                yield name, "reads", about(path)
            except ConsolidateError as error:
                # The place within the file stays, the folders of this machine do not.
                yield name, "refused", str(error).replace(str(path), path.name)


def _intensity(path: Path) -> str:
    found = inspect_intensity(path)
    values = found.intensity.g_per_kwh
    return (
        f"{found.intensity.zone}, {found.intensity.kind}, {found.intensity.scope.replace('_', ' ')}, "
        f"{found.intensity.grid}, {values.mean():.1f} g/kWh ({values.min():.1f} to {values.max():.1f}), "
        f"{found.estimated.mean():.1%} estimated, {len(found.repairs)} repairs"
    )


def _servers(path: Path) -> str:
    found = read_server_curves(path)
    idle = sorted(c.points_w[0] / c.points_w[-1] for c in found.curves if c.points_w[-1] > 0)
    kind = "idle and full power only" if found.curves[0].is_line else "eleven points"
    return (
        f"{len(found.curves)} server{'s' if len(found.curves) > 1 else ''}, {kind}, idle {idle[0]:.0%} to {idle[-1]:.0%} of full "
        f"(median {idle[len(idle) // 2]:.0%}), {found.left_out} left out"
    )


def _footprints(path: Path) -> str:
    found = read_embodied(path)
    kg = sorted(server.embodied_kg for server in found.servers)
    return (
        f"{len(kg)} servers, {kg[0]:,.0f} to {kg[-1]:,.0f} kg CO2e of manufacturing "
        f"(median {kg[len(kg) // 2]:,.0f}), {found.left_out} left out"
    )


if __name__ == "__main__":
    main()
