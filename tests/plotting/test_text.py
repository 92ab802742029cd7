from __future__ import annotations

import unicodedata

import pytest

from consolidate.plotting import number, visible
from consolidate.plotting.style import AFTER, BEFORE, INK, LOST, MOVES, MUTED, SAVED
from consolidate.plotting.text import MINUS, decimals_for, fixed, percent


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (1_234_567, "1,234,567"),
        (-5, f"{MINUS}5"),
        (999.6, "1,000"),
        (0.012345, "0.0123"),
        (12.0, "12.0"),
        (1e9, "1.00 \N{MULTIPLICATION SIGN} 10⁹"),
        (-2.5e-9, f"{MINUS}2.50 \N{MULTIPLICATION SIGN} 10⁻⁹"),
        (10**18, "1.00 \N{MULTIPLICATION SIGN} 10¹⁸"),
    ],
)
def test_numbers_have_three_significant_digits(value, text):
    """Rounding must not leak digits, nor lose a sign, at any size."""
    assert number(value) == text


def test_shares_are_printed_in_hundredths():
    """0.5 of one is 50.0 %, not 0.5 %."""
    assert percent(0.5) == "50.0 %"


def test_a_rounded_zero_has_no_sign():
    """-0.0 in a table of savings reads like a loss."""
    assert fixed(-0.0001, decimals=2) == "0.00"
    assert fixed(-1.5, decimals=1) == f"{MINUS}1.5"


@pytest.mark.parametrize(
    ("values", "decimals"), [([], 0), ([0.0], 0), ([1234.5], 1), ([1e9], 0), ([1e-9], 6)]
)
def test_decimals_follow_the_largest_value(values, decimals):
    """A column that adds up needs one count of decimals, whatever its size."""
    assert decimals_for(values) == decimals


@pytest.mark.parametrize(
    "name", ["\u202egnp.exe", "a\x00b", "a\nb", "\ud800", "\u2066x", "\ufeff", "\x1b[31m", "\uffff"]
)
def test_what_cannot_be_seen_becomes_an_escape(name):
    """A name must neither hide a part of itself nor reorder the text around it."""
    shown = visible(name)
    assert "\\u" in shown
    assert all(unicodedata.category(c)[0] not in "CZ" or c == " " for c in shown)


@pytest.mark.parametrize("name", ["vm-1", "日本語", "ab\u200cc", "a b", "", "<b>&"])
def test_ordinary_names_are_left_alone(name):
    """Names of all scripts stay readable; escaping markup is the page's business."""
    assert visible(name) == name


@pytest.mark.parametrize("length", [59, 60, 61, 5_000, 10**6])
def test_long_names_keep_both_ends(length):
    """Names often differ at the end; none may blow up a table."""
    shown = visible("a" * (length - 3) + "end")
    assert len(shown) <= 60
    assert shown.startswith("aaa")
    assert shown.endswith("end")
    assert ("…" in shown) == (length > 60)


@pytest.mark.parametrize("colour", [INK, MUTED, BEFORE, AFTER, SAVED, LOST, MOVES])
def test_colours_that_carry_text_have_contrast(colour):
    """WCAG 2 asks for 4.5 to 1 on white."""
    channels = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    assert 1.05 / (luminance + 0.05) >= 4.5
