"""The report: do its figures say what the run says, in all of its files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser

from consolidate.checks.figure import Figure
from consolidate.checks.readable import page_violations, paper_violations
from consolidate.checks.verdict import Violation

__all__ = [
    "STATUSES",
    "Figure",
    "ReportFiles",
    "parse_figures",
    "report_violations",
]

STATUSES = ("input", "computed", "archetype", "default")
_KEYS = {"metric": str, "unit": str, "status": str, "source": str, "arm": str}


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportFiles:
    """Contents of a report; all but the first are ``None`` when the file is not there.

    ``table`` holds the rows of ``figures.parquet``: metric, arm, value, low, high.
    """

    figures: tuple[Figure, ...]
    figures_csv: str | None
    html: str | None
    pdf: bytes | None = None
    table: tuple[tuple[str, str | None, float, float | None, float | None], ...] | None = None


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
                low=_end(entry, "low"),
                high=_end(entry, "high"),
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
    for end in ("low", "high"):
        if isinstance(entry.get(end), bool) or not isinstance(entry.get(end), int | float | None):
            return f"needs a number or null as {end}, got {entry.get(end)!r}"
    if (entry.get("low") is None) != (entry.get("high") is None):
        return "needs both ends of an interval, or none"
    if entry["status"] not in STATUSES:
        return f"has status {entry['status']!r}; known are {', '.join(STATUSES)}"
    return ""


def _end(entry: Mapping[str, object], key: str) -> float | None:
    value = entry.get(key)
    return float(value) if isinstance(value, int | float) else None


def report_violations(
    files: ReportFiles,
    derived: Mapping[str, float],
    bands: Mapping[str, tuple[float, float]] | None = None,
) -> tuple[list[Violation], int, int]:
    """Judge a report.

    Parameters
    ----------
    files
        The report.
    derived
        Values derived again, by metric.
    bands
        Intervals derived again, by metric.

    Returns
    -------
    tuple
        Violations, number of figures derived again, number of figures that are not.
    """
    found: list[Violation] = []
    known = 0
    for figure in files.figures:
        found += _band_violations(figure, (bands or {}).get(figure.metric))
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
        found += _ends_differ("figures.csv", _csv_ends(files.figures_csv), files.figures)
    if files.html is not None:
        found += _copies("report.html", _html_values(files.html), files.figures)
        found += page_violations(files.html, files.figures)
    if files.table is not None:
        rows: list[Printed] = [(m, arm, repr(value)) for m, arm, value, _, _ in files.table]
        found += _copies("figures.parquet", rows, files.figures)
        found += _ends_differ(
            "figures.parquet", [(m, low, high) for m, _, _, low, high in files.table], files.figures
        )
    if files.pdf is not None:
        found += paper_violations(files.pdf, files.figures)
    return found, known, len(files.figures) - known


def _band_violations(figure: Figure, due: tuple[float, float] | None) -> list[Violation]:
    """Hold a stated interval against the derived one; one that cannot be derived is not touched."""
    if due is None or figure.low is None or figure.high is None:
        return []
    scale = max(abs(due[0]), abs(due[1]))
    if all(
        abs(a - b) <= 1e-8 * scale + 1e-12 for a, b in zip((figure.low, figure.high), due, strict=True)
    ):
        return []
    message = f"the interval of {figure.name} is {figure.low} to {figure.high}; the run gives {due}"
    witness: dict[str, object] = {"metric": figure.metric, "derived": list(due)}
    return [Violation(code="V12.interval", message=message, witness=witness)]


def _ends_differ(
    file: str,
    rows: Sequence[tuple[str, float | None, float | None]],
    figures: tuple[Figure, ...],
) -> list[Violation]:
    """Hold the intervals of a file against those of ``figures.json``."""
    found, stated = [], {f.metric: (f.low, f.high) for f in figures}
    for metric, low, high in rows:
        if metric in stated and stated[metric] != (low, high):
            message = (
                f"{file} has the interval {low} to {high} of {metric}; figures.json {stated[metric]}"
            )
            witness: dict[str, object] = {"file": file, "metric": metric}
            found.append(Violation(code="V12.copy", message=message, witness=witness))
    return found


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


def _csv_ends(text: str) -> list[tuple[str, float | None, float | None]]:
    rows = csv.DictReader(io.StringIO(text))
    return [(r.get("metric") or "", _number(r.get("low")), _number(r.get("high"))) for r in rows]


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return float("nan")


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
