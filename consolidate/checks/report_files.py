"""The files of a report in a run folder: those that are there."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TypeVar

from consolidate.checks.files import MalformedError, read_json, read_table, read_text
from consolidate.checks.report import ReportFiles, parse_figures
from consolidate.checks.verdict import Violation

__all__ = ["carriers", "load_report"]

T = TypeVar("T")
Attempt = Callable[[Callable[[], T]], T | None]


def load_report(
    folder: Path,
    attempt: Attempt,  # type: ignore[type-arg]
) -> tuple[ReportFiles | None, list[Violation]]:
    """Read the report of a run folder, and what breaks its schema; ``None`` without usable figures.

    ``account.json`` names the files that the report was written as; without it there have to be the page
    and the CSV file.
    """
    content = attempt(lambda: read_json(folder, "figures.json").content)
    if content is None:
        return None, []
    figures, found = parse_figures(content)
    due = _files(folder)
    texts = {
        name: attempt(partial(read_text, folder, name))
        if name in due or (folder / name).exists()
        else None
        for name in ("figures.csv", "report.html")
    }
    for name in ("report.pdf", "figures.parquet"):
        if name in due and not (folder / name).is_file():
            message = f"{name} is missing"
            found.append(Violation(code="V0.missing", message=message, witness={"file": name}))
    paper = folder / "report.pdf"
    return ReportFiles(
        figures=figures,
        figures_csv=texts["figures.csv"],
        html=texts["report.html"],
        pdf=paper.read_bytes() if paper.is_file() else None,
        table=attempt(partial(_table, folder)),
    ), found


def _files(folder: Path) -> tuple[str, ...]:
    """Return the names of the files that the report says it was written as."""
    try:
        named = read_json(folder, "account.json").content.get("files")
    except MalformedError:
        named = None
    if not isinstance(named, list):
        return ("figures.csv", "report.html")
    return tuple(str(name) for name in named)


def carriers(files: ReportFiles) -> str:
    """Name the files that repeat the figures."""
    held = {
        "CSV": files.figures_csv,
        "page": files.html,
        "PDF": files.pdf,
        "Parquet": files.table,
    }
    return ", ".join(name for name, content in held.items() if content is not None) or "no other files"


def _table(
    folder: Path,
) -> tuple[tuple[str, str | None, float, float | None, float | None], ...] | None:
    """Read the rows of ``figures.parquet``; ``None`` when it is not there."""
    if not (folder / "figures.parquet").is_file():
        return None
    kinds = {"metric": "string", "arm": "string", "value": "double", "low": "double", "high": "double"}
    nan = float("nan")
    table = read_table(folder, "figures.parquet", kinds, nullable={"low": nan, "high": nan})
    columns = (table.floats(name).tolist() for name in ("value", "low", "high"))
    return tuple(
        (metric, arm, value, None if low != low else low, None if high != high else high)
        for metric, arm, value, low, high in zip(
            table.texts("metric"), table.texts("arm"), *columns, strict=True
        )
    )
