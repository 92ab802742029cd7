"""All files of a report: one list of figures in several formats, and the record of its account."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from consolidate.errors import UnknownNameError
from consolidate.reporting.figure import Figure
from consolidate.reporting.tables import FIGURE_COLUMNS, figures_csv, figures_json, plan_csv

if TYPE_CHECKING:
    from consolidate.reporting.bundle import Report

__all__ = ["FORMATS", "contents"]

#: What a report can be written as.
FORMATS: Final = ("html", "pdf", "csv", "json", "parquet")
_FILES: Final = (
    "report.html",
    "report.pdf",
    "figures.csv",
    "plan.csv",
    "figures.json",
    "figures.parquet",
)


def contents(report: Report, formats: Sequence[str]) -> dict[str, str | bytes]:
    """Return the files of a report by name; ``figures.json`` is always one, as the checks need it.

    Raises
    ------
    UnknownNameError
        When there is no such format.
    """
    for name in formats:
        if name not in FORMATS:
            raise _unknown(name)
    figures = report.figures()
    page = report.html() if {"html", "pdf"} & set(formats) else ""
    files: dict[str, str | bytes] = {}
    for name in dict.fromkeys((*formats, "json")):
        if name == "html":
            files["report.html"] = page
        elif name == "pdf":
            from consolidate.reporting.pdf import render_pdf

            files["report.pdf"] = render_pdf(report, page)
        elif name == "csv":
            files |= {"figures.csv": figures_csv(figures), "plan.csv": plan_csv(report)}
        elif name == "json":
            files["figures.json"] = figures_json(figures)
        else:
            files["figures.parquet"] = _figures_parquet(figures)
    return files | _account(report, tuple(files))


def earlier_files(folder: Path) -> set[str]:
    """Return the names of the files that an earlier report may have written into a folder."""
    import json

    from consolidate.reporting.per_vm import PER_VM_FILE

    try:
        named = json.loads((folder / "account.json").read_text("utf-8"))["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {PER_VM_FILE} | (set(named) & set(_FILES)) if isinstance(named, list) else set()


def _unknown(name: str) -> UnknownNameError:
    near = difflib.get_close_matches(name, FORMATS, n=1)
    kind = "report format"
    return UnknownNameError(kind, name, known=FORMATS, nearest=near[0] if near else None)


def _figures_parquet(figures: Sequence[Figure]) -> bytes:
    import pyarrow as pa

    def kind(column: str) -> pa.DataType:
        return pa.float64() if column in ("value", "low", "high") else pa.string()

    return _parquet(
        {
            column: pa.array([_cell(getattr(f, column)) for f in figures], type=kind(column))
            for column in FIGURE_COLUMNS
        }
    )


def _cell(value: object) -> object:
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode("utf-8")
    return value if value is None else float(value)  # type: ignore[arg-type]


def _account(report: Report, files: Sequence[str]) -> dict[str, str | bytes]:
    """Return the record from which the checks derive the account again."""
    import json

    account = report.account
    about: dict[str, object] = {
        "schema_version": 1,
        "files": list(files),
        "wue_l_per_kwh": account.wue_l_per_kwh,
        "annual": None
        if account.annual is None
        else {
            "least_share": account.annual.least_share,
            "most_share": account.annual.most_share,
            "source": account.annual.source,
        },
        "embodied_kg": account.embodied_kg,
        "lifetime_years": account.lifetime_years,
        "pue_variable_fraction": report.pue_variable_fraction,
        "currency": account.tariff.currency if account.tariff else None,
        "seed": account.seed,
        "draws": account.draws,
        "parameters": [],
        "sources": _sources(report),
    }
    if report.instance is not None:
        from consolidate.reporting.doubt import parameters_of

        about["parameters"] = [
            {
                "name": p.name,
                "low": p.low,
                "high": p.high,
                "spacing": p.spacing,
                "each_type": p.each_type,
                "basis": p.basis,
            }
            for p in parameters_of(report)
        ]
    return {
        "account.json": json.dumps(about, indent=1, allow_nan=False) + "\n",
        "account.parquet": _pieces(report),
    }


def _sources(report: Report) -> Mapping[str, object]:
    account = report.account
    found: dict[str, object] = {"marginal": ["; ".join((i.source, *i.notes)) for i in account.marginal]}
    if account.market:
        words = account.market.periods.words
        found["market"] = account.market.source
        found["contracts"] = [
            {"instrument": one, "evidence": other}
            for one, other in dict.fromkeys(zip(words["instrument"], words["evidence"], strict=True))
        ]
    if account.tariff:
        found["tariff"] = account.tariff.source
    return found


def _pieces(report: Report) -> bytes:
    """Return the values over time of every further line; site -1 stands for all sites."""
    import pyarrow as pa

    account = report.account
    rows: list[tuple[str, int, np.ndarray, np.ndarray]] = []
    for site, found in enumerate(account.marginal):
        start_s = int(found.grid.start.astype(np.int64))
        edges = start_s + np.arange(found.grid.n_steps + 1, dtype=np.int64) * found.grid.step_s
        rows.append(("marginal", site, edges, found.g_per_kwh))
    for name, held in (("market", account.market), ("tariff", account.tariff)):
        if held is not None:
            rows.append((name, -1, held.periods.edges_s, held.periods.per_kwh))
    lines = [line for line, _, _, values in rows for _ in values]
    sites = [site for _, site, _, values in rows for _ in values]
    none = np.zeros(0, dtype=np.int64)
    starts = np.concatenate([none, *(edges[:-1] for *_, edges, _ in rows)])
    ends = np.concatenate([none, *(edges[1:] for *_, edges, _ in rows)])
    values = np.concatenate([np.zeros(0), *(values for *_, values in rows)])
    instant = pa.timestamp("s", tz="UTC")
    return _parquet(
        {
            "line": pa.array(lines, type=pa.string()),
            "site": pa.array(sites, type=pa.int32()),
            "start_utc": pa.array(starts.astype("datetime64[s]"), type=instant),
            "end_utc": pa.array(ends.astype("datetime64[s]"), type=instant),
            "per_kwh": pa.array(values, type=pa.float64()),
        }
    )


def _parquet(columns: Mapping[str, object]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    sink = BytesIO()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    return sink.getvalue()
