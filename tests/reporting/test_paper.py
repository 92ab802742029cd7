from __future__ import annotations

import pytest

from consolidate.checks.pdf_text import pdf_lines
from consolidate.plotting.style import style
from consolidate.reporting.blocks import Cell, Table
from consolidate.reporting.charts import LANES
from consolidate.reporting.pdf import HAIR, SPAN, _cells, _widths, render_pdf


@pytest.fixture(scope="module")
def report(reports):
    return reports["saved"]


def printed(report, body):
    with style():
        return pdf_lines(render_pdf(report, f"<html><body>{body}</body></html>"))


def test_a_heading_stands_on_the_page_of_its_picture(report):
    """A heading alone at the foot of a page reads as if the picture were missing."""
    filler = "<p>words</p>" * 40
    lines = printed(report, f'{filler}<h2>Plan</h2><figure data-chart="plan"></figure>')
    heading = lines.index("Plan")
    caption = next(k for k, line in enumerate(lines) if line and LANES.startswith(line))
    assert "page 2" in lines[:heading]
    assert not [line for line in lines[heading:caption] if line.startswith("page ")]


def test_a_short_table_is_not_broken(report):
    """Eight rows fit on any page; their heading must not stand on another."""
    rows = "".join(f"<tr><th>row {k}</th><td>{k}</td></tr>" for k in range(8))
    table = f"<table><caption>Short</caption><thead><tr><th>Row</th><th>Value</th></tr></thead>{rows}</table>"
    lines = printed(report, "<p>words</p>" * 40 + table)
    assert lines.index("page 2") < lines.index("Short")
    assert lines.count("Row") == 1


def test_cards_print_all_of_their_words(report):
    """A card that is too narrow takes a second line; cutting it would change what it says."""
    words = "172,000 GiB sent over the network, done after 733,360 s (8 d 11 h 42 min 40 s)"
    lines = printed(report, f"<dl><dt>VMs moved</dt><dd>36,667</dd><dd>{words}</dd></dl>")
    assert words in " ".join(lines)


@pytest.mark.parametrize("size", [5.6, 7.2])
def test_words_that_fit_are_not_broken(size):
    """Adding and taking off the gap of a column must not cost the last letter of its widest cell."""
    heads = ("Interval", "Status", "Saved in 18 h", "Value", "Baseline, kWh", "Rank of its effect")
    for head in heads:
        table = Table(
            heading=[Cell(text=head), Cell(text="Source")], rows=[[Cell(text="a"), Cell(text="b")]]
        )
        widths = _widths(table, size)
        assert sum(widths) <= SPAN
        cells = _cells(table.heading, widths, size, bold=True)
        assert [len(lines) for *_, lines in cells] == [1, 1]
    assert HAIR < 0.1
