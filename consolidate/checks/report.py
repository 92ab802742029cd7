"""The report: do its figures say what the run says, in all of its files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser

from consolidate.checks.verdict import Violation

__all__ = ["STATUSES", "Figure", "ReportFiles", "parse_figures", "report_violations"]

STATUSES = ("input", "computed", "archetype", "default")
_KEYS = {"metric": str, "unit": str, "status": str, "source": str, "arm": str}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One entry of ``figures.json``."""

    metric: str
    value: float | str
    unit: str
    status: str
    source: str
    arm: str

    @property
    def name(self) -> str:
        """Metric, with the arm where it has one."""
        return f"{self.metric} ({self.arm})" if self.arm else self.metric


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """Texts of a report; the last two are ``None`` when the file is not there."""

    figures: tuple[Figure, ...]
    figures_csv: str | None
    html: str | None


def parse_figures(content: object) -> tuple[tuple[Figure, ...], list[Violation]]:
    """Read the content of ``figures.json``; entries that break its schema come back as violations."""
    entries = content.get("figures") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        message = "figures.json needs a list under the key figures"
        return (), [Violation(code="V12.schema", message=message, witness={"file": "figures.json"})]
    figures, found = [], []
    for i, entry in enumerate(entries):
        problem = _schema_problem(entry)
        if problem:
            name = entry.get("metric", "?") if isinstance(entry, dict) else "?"
            message = f"figures.json: figures[{i}] ({name}) {problem}"
            found.append(Violation(code="V12.schema", message=message, witness={"index": i}))
            continue
        value = entry["value"]
        figures.append(
            Figure(
                value=value if isinstance(value, str) else float(value),
                **{key: entry[key] for key in _KEYS},
            )
        )
    return tuple(figures), found


def _schema_problem(entry: object) -> str:
    if not isinstance(entry, dict):
        return "is not an object"
    for key, kind in _KEYS.items():
        if not isinstance(entry.get(key), kind):
            return f"needs a text as {key}, got {entry.get(key)!r}"
    value = entry.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return f"needs a number or a text as value, got {value!r}"
    if entry["status"] not in STATUSES:
        return f"has status {entry['status']!r}; known are {', '.join(STATUSES)}"
    return ""


def report_violations(
    files: ReportFiles, derived: Mapping[str, float]
) -> tuple[list[Violation], int, int]:
    """Judge a report.

    Parameters
    ----------
    files
        The report.
    derived
        Values derived again, by metric.

    Returns
    -------
    tuple
        Violations, number of figures derived again, number of figures that are not.
    """
    found: list[Violation] = []
    known = 0
    for figure in files.figures:
        due = derived.get(figure.metric)
        if due is None:
            continue
        known += 1
        if isinstance(figure.value, str) or not _close(figure.value, due):
            code = "V10.carbon" if figure.metric.startswith("operational_carbon") else "V12.figure"
            message = f"figure {figure.name} is {figure.value} {figure.unit}; the run gives {due!r}"
            witness: dict[str, object] = {
                "metric": figure.metric,
                "stated": figure.value,
                "derived": due,
            }
            found.append(Violation(code=code, message=message, witness=witness))
    if files.figures_csv is not None:
        found += _copies("figures.csv", _csv_values(files.figures_csv), files.figures)
    if files.html is not None:
        found += _copies("report.html", _html_values(files.html), files.figures)
    return found, known, len(files.figures) - known


def _close(stated: float, derived: float) -> bool:
    return abs(stated - derived) <= 1e-9 * abs(derived) + 1e-12


#: Metric, arm (``None`` where the file does not say) and value as it is written.
Printed = tuple[str, str | None, str]


def _copies(file: str, printed: list[Printed], figures: tuple[Figure, ...]) -> list[Violation]:
    """Hold what a file prints against ``figures.json``, in both directions."""
    found = []
    for metric, arm, text in printed:
        mine = [f for f in figures if f.metric == metric and (arm is None or f.arm == arm)]
        if not any(_same(text, f.value) for f in mine):
            said = ", ".join(str(f.value) for f in mine) or "nothing"
            message = f"{file} prints {metric} as {text!r}; figures.json has {said}"
            witness: dict[str, object] = {"file": file, "metric": metric, "printed": text}
            found.append(Violation(code="V12.copy", message=message, witness=witness))
    present = {(metric, arm) for metric, arm, _ in printed}
    for figure in figures:
        if not {(figure.metric, figure.arm), (figure.metric, None)} & present:
            message = f"{file} does not print figure {figure.name}"
            witness = {"file": file, "metric": figure.metric}
            found.append(Violation(code="V12.copy", message=message, witness=witness))
    return found


def _same(text: str, value: float | str) -> bool:
    if isinstance(value, str):
        # Spreadsheets would run a text that starts like a formula: writers put an apostrophe first.
        return text == value or text == f"'{value}"
    try:
        return float(text) == value
    except ValueError:
        return False


def _csv_values(text: str) -> list[Printed]:
    rows = csv.DictReader(io.StringIO(text))
    return [(row.get("metric") or "", row.get("arm"), row.get("value") or "") for row in rows]


def _html_values(text: str) -> list[Printed]:
    reader = _DataAttributes()
    reader.feed(text)
    reader.close()
    return reader.printed


class _DataAttributes(HTMLParser):
    """Collects ``data-metric``, ``data-arm`` and ``data-value`` of every element."""

    def __init__(self) -> None:
        super().__init__()
        self.printed: list[Printed] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep the attributes of an element that prints a figure."""
        del tag
        values = dict(attrs)
        if "data-metric" in values:
            self.printed.append(
                (values["data-metric"] or "", values.get("data-arm"), values.get("data-value") or "")
            )
