"""Files of a study: the tidy table, the fronts, a page, and what it was made from."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

from consolidate.exports.csv_text import csv_text
from consolidate.reporting.files import write_files

if TYPE_CHECKING:
    import pandas as pd

    from consolidate.study.grid import StudyTable

__all__ = ["write_study"]

#: Columns of the page, and how a value is shown there.
_SHOWN = {
    "policy": "{}",
    "seed": "{:d}",
    "parameters": "{}",
    "energy_kwh": "{:,.2f}",
    "energy_no_standby_kwh": "{:,.2f}",
    "bound_ratio": "{:.3f}",
    "saved_fraction": "{:.1%}",
    "saving_share_fraction": "{:.1%}",
    "overload_fraction": "{:.2%}",
    "unmet_fraction": "{:.3%}",
    "migrations": "{:,d}",
    "power_cycles_max": "{:d}",
    "hosts_on_mean": "{:.1f}",
}

#: Part of the greatest saving below which a policy is named beside the front instead of drawn in it.
_LITTLE = 0.25

_LEGEND = """\
Every figure is modelled. *bound_ratio* is energy over the clairvoyant bound, below which no policy gets that
serves all demand, whatever it knows; *saving_share* is the part of the possible saving (doing nothing less the
bound) that was captured. *no_standby* leaves out the draw of hosts that are off. Rows in the mode `cloudsim`
count as that program does, and their shares from all hosts at full power."""


def write_study(done: StudyTable, folder: str | Path) -> tuple[Path, ...]:
    """Write ``table.csv``, ``table.parquet``, one front per trace, ``summary.md`` and ``manifest.json``.

    Equal studies give equal bytes, whatever ran them. When and how long stands in ``provenance.json``.

    Parameters
    ----------
    done
        The study.
    folder
        Where to write.
    """
    table = done.table
    fronts = {
        f"front-{_slug(*names)}.svg": _front(part, " ".join(names))
        for names, part in _groups(table)
        if len(part) > 1
    }
    contents: dict[str, str | bytes] = {
        "table.csv": csv_text(list(table.columns), _cells(table)),
        "table.parquet": _parquet(table),
        "summary.md": _page(done),
        "manifest.json": _manifest(done),
        **fronts,
    }
    return write_files(Path(folder), contents)


def _groups(table: pd.DataFrame) -> list[tuple[tuple[str, ...], pd.DataFrame]]:
    """Return the rows that are compared with each other, by trace, fleet and mode, in the table's order."""
    keys = ["trace", "fleet", "mode"]
    found = table.groupby(keys, sort=False)
    return [(tuple(str(n) for n in names), part) for names, part in found]


def _slug(*names: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", " ".join(names).lower()).strip("-")


def _cells(table: pd.DataFrame) -> list[list[object]]:
    return [[None if v != v else v for v in row] for row in table.astype(object).to_numpy().tolist()]


def _parquet(table: pd.DataFrame) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = io.BytesIO()
    arrow = pa.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None)
    pq.write_table(arrow, sink, compression="zstd")
    return sink.getvalue()


def _front(part: pd.DataFrame, title: str) -> str:
    from matplotlib.figure import Figure

    from consolidate import plotting

    with plotting.style():
        fig = Figure(figsize=(7.6, 4.6), layout="constrained")
        drawn = _worth_drawing(part)
        ax = plotting.energy_vs_overload(drawn, fig.subplots())
        if part["clairvoyant_kwh"].notna().any():
            plotting.clairvoyant_line(ax, float(part["clairvoyant_kwh"].min()))
        if len(drawn) < len(part):
            plotting.above_the_picture(ax, part.drop(drawn.index))
        return plotting.figure_svg(
            fig, name=_slug("front", title), title=f"Energy and overload: {title}"
        )


def _worth_drawing(part: pd.DataFrame) -> pd.DataFrame:
    """Leave out what saves next to nothing: on one scale with it, the others would be one point."""
    energy = part["energy_kwh"]
    close = energy > energy.max() - _LITTLE * (energy.max() - energy.min())
    return part[~close] if (~close).sum() > 1 else part


def _page(done: StudyTable) -> str:
    lines = [
        f"# {done.study.name}",
        "",
        *_LEGEND.splitlines(),
    ]
    for names, part in _groups(done.table):
        shown = {
            k: form for k, form in _SHOWN.items() if part[k].notna().any() and (part[k] != "").any()
        }
        lines += ["", f"## {names[0]} on {names[1]}, {names[2]}", ""]
        if part["clairvoyant_kwh"].notna().any():
            lines += [f"Clairvoyant bound: {part['clairvoyant_kwh'].min():,.2f} kWh.", ""]
        lines.append(f"| {' | '.join(shown)} |")
        lines.append("|" + "".join("---|" if form == "{}" else "---:|" for form in shown.values()))
        for row in part.to_dict("records"):
            cells = [_shown(row[k], form) for k, form in shown.items()]
            lines.append(f"| {' | '.join(cells)} |")
        if len(part) > 1:
            lines += ["", f"![front](front-{_slug(*names)}.svg)"]
    return "\n".join(lines) + "\n"


def _shown(value: object, form: str) -> str:
    if value is None or value != value:
        return ""
    return form.format(int(value) if form.endswith("d}") else value)  # type: ignore[call-overload]


def _manifest(done: StudyTable) -> str:
    from consolidate._version import __version__

    about = {
        "schema_version": 1,
        "package": "consolidate",
        "version": __version__,
        "study": {"name": done.study.name, "file": done.study.source, "sha256": done.study.sha256},
        "cells": len(done.study.cells),
        "inputs": list(done.inputs),
    }
    return json.dumps(about, indent=1) + "\n"
