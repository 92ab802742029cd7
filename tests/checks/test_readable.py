"""Printed numbers are read back: what a person sees is held against the value."""

from __future__ import annotations

import zlib

import pytest

from consolidate.checks.figure import Figure
from consolidate.checks.pdf_text import pdf_lines
from consolidate.checks.printed import interval_problem, number_problem
from consolidate.checks.readable import page_violations, paper_violations

RIGHT = [
    ("1,230 kWh", 1234.9, "kWh"),
    ("0.0123 kWh", 0.012345, "kWh"),
    ("\N{MINUS SIGN}5.18 kWh", -5.1849, "kWh"),
    ("53.7 %", 0.53712, "fraction"),
    ("below 0.0001 %", 4e-7, "fraction"),
    ("0 %", 0.0, "fraction"),
    ("1.23 \N{MULTIPLICATION SIGN} 10⁹ kWh", 1.2345e9, "kWh"),
    ("1.20 \N{MULTIPLICATION SIGN} 10⁻⁷ kWh", 1.2e-7, "kWh"),
    ("26,600", 26_600, "count"),
    ("346 s (5 min 46 s)", 346, "s"),
    ("1,555,200 s (18 d)", 1_555_200, "s"),
    ("23 kg CO₂e", 23.14, "kgCO2e"),
    ("272.26", 272.2612, "kWh"),
]
WRONG = [
    ("1,240 kWh", 1234.9, "kWh"),
    ("1,200 kWh", 1234.9, "kWh"),
    ("5.18 kWh", -5.1849, "kWh"),
    ("53.7 kWh", 53.7, "Wh"),
    ("53.8 %", 0.53712, "fraction"),
    ("below 0.0001 %", 4e-3, "fraction"),
    ("below 0.0001 %", -1.0, "fraction"),
    ("26,601", 26_600, "count"),
    ("346 s (6 min 46 s)", 346, "s"),
    ("about 3", 3.0, "kWh"),
    ("", 3.0, "kWh"),
]


@pytest.mark.parametrize(("text", "value", "unit"), RIGHT)
def test_a_right_text_passes(text, value, unit):
    """All forms in which reports print numbers are understood."""
    low, high = (15.2, 31.6) if text.startswith("23") else (None, None)
    assert not number_problem(text, value, unit, low=low, high=high)


@pytest.mark.parametrize(("text", "value", "unit"), WRONG)
def test_a_wrong_text_is_refused(text, value, unit):
    """One digit, one sign or one unit off is a mismatch, too few digits are one as well."""
    assert number_problem(text, value, unit)


def test_fewer_digits_only_where_an_interval_asks_for_them():
    """60 stands for 60.7 when 46 to 74 is all that is known, and for nothing else."""
    assert not number_problem("60 kWh", 60.73, "kWh", low=46.3, high=73.7)
    assert number_problem("60 kWh", 60.73, "kWh")
    assert number_problem("70 kWh", 60.73, "kWh", low=46.3, high=73.7)


def test_intervals_are_read_at_both_ends():
    """An interval whose upper end is wrong is wrong."""
    assert not interval_problem("46.3 to 73.7 kWh", 46.31, 73.68, "kWh")
    assert interval_problem("46.3 to 73.9 kWh", 46.31, 73.68, "kWh")
    assert interval_problem("46.3 kWh", 46.31, 73.68, "kWh")


def _figure(**changes):
    fields = {"metric": "m_kwh", "value": 12.34, "unit": "kWh", "status": "computed", "source": "x"}
    return Figure(**{**fields, "arm": "", **changes})


@pytest.mark.parametrize(
    "page",
    [
        '<span data-metric="m_kwh" data-value="12.34">12.4 kWh</span>',
        '<span data-metric="other" data-value="12.34">12.3 kWh</span>',
        '<span data-interval="m_kwh" data-low="11.0" data-high="13.0">11 to 13 kWh</span>',
    ],
)
def test_a_page_that_says_something_else_is_refused(page):
    """The attribute may be right and the text beside it wrong."""
    assert [v.code for v in page_violations(page, (_figure(),))] == ["V12.printed"]


def test_a_pdf_without_the_figure_is_refused():
    """A file that nothing can be read from proves nothing."""
    (found,) = paper_violations(b"%PDF-1.4 nothing", (_figure(),))
    assert "is not printed" in found.message


def test_the_end_of_a_stream_is_found_whatever_its_last_byte_is():
    """Packed data may end in what looks like the end of a line; a page was unreadable for that."""
    for filler in range(2_000):
        packed = zlib.compress(f"BT /F1 8 Tf ( a) ET {filler} ".encode())
        if packed.endswith(b"\r"):
            break
    assert packed.endswith(b"\r")
    content = b"1 0 obj\n<< >>\nstream\n" + packed + b"\nendstream\nendobj\n"
    assert len(pdf_lines(content)) == 1
