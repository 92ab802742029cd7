"""What people read: the printed text of every figure on the page and on paper, held against its value."""

from __future__ import annotations

from collections.abc import Iterable
from html.parser import HTMLParser

from consolidate.checks.figure import Figure
from consolidate.checks.pdf_text import pdf_lines
from consolidate.checks.printed import interval_problem, number_problem
from consolidate.checks.verdict import Violation

__all__ = ["page_violations", "paper_violations"]


def page_violations(text: str, figures: tuple[Figure, ...]) -> list[Violation]:
    """Return printed texts of a page that do not say the value or the interval beside them."""
    reader = _Readable()
    reader.feed(text)
    reader.close()
    known = {f.metric: f for f in figures}
    found = []
    for kind, metric, ends, printed in reader.printed:
        figure = known.get(metric)
        if figure is None:
            problem = "is no figure of figures.json"
        elif kind == "interval" and ends != (repr(figure.low), repr(figure.high)):
            problem = f"has the interval {ends}, figures.json {figure.low} to {figure.high}"
        else:
            problem = _problem(figure, printed, interval=kind == "interval")
        if problem:
            found.append(_violation("report.html", metric, problem))
    return found


def paper_violations(content: bytes, figures: tuple[Figure, ...]) -> list[Violation]:
    """Return figures whose row in the PDF does not say their value or interval.

    The row of a figure is its name, its value, and its interval where it has one.
    """
    lines = pdf_lines(content)
    # The list of figures comes last; before it, anything may be called like a figure, a VM for one.
    places = {line: number for number, line in enumerate(lines)}
    found = []
    for figure in figures:
        place = places.get(figure.metric, -1)
        if place < 0:
            found.append(_violation("report.pdf", figure.metric, "is not printed"))
            continue
        value, interval = [*lines[place + 1 : place + 3], "", ""][:2]
        problem = _problem(figure, value, interval=False)
        if not problem and figure.low is not None:
            problem = _problem(figure, interval, interval=True)
        if problem:
            found.append(_violation("report.pdf", figure.metric, problem))
    return found


def _problem(figure: Figure, printed: str, *, interval: bool) -> str:
    if isinstance(figure.value, str):
        return ""
    low, high = figure.low, figure.high
    if interval:
        if low is None or high is None:
            return "has no interval in figures.json"
        return interval_problem(printed, low, high, figure.unit)
    return number_problem(printed, figure.value, figure.unit, low=low, high=high)


def _violation(file: str, metric: str, problem: str) -> Violation:
    message = f"{file}: {metric} {problem}"
    return Violation(code="V12.printed", message=message, witness={"file": file, "metric": metric})


Text = tuple[str, str, tuple[str, str], str]


class _Readable(HTMLParser):
    """Collects the text inside every element that prints a figure or an interval."""

    def __init__(self) -> None:
        super().__init__()
        self.printed: list[Text] = []
        self._open: tuple[str, str, tuple[str, str]] | None = None
        self._tag, self._text = "", ""

    def handle_starttag(self, tag: str, attrs: Iterable[tuple[str, str | None]]) -> None:
        """Open an element that prints a number."""
        values = {key: value or "" for key, value in attrs}
        ends = values.get("data-low", ""), values.get("data-high", "")
        if "data-metric" in values:
            self._open = "value", values["data-metric"], ends
        elif "data-interval" in values:
            self._open = "interval", values["data-interval"], ends
        else:
            return
        self._tag, self._text = tag, ""

    def handle_data(self, data: str) -> None:
        """Collect what is inside."""
        if self._open is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        """Close the element."""
        if self._open is not None and tag == self._tag:
            self.printed.append((*self._open, self._text.strip()))
            self._open = None
