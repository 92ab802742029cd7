"""Steps, repeats and gaps."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from consolidate.carbon import inspect_intensity
from consolidate.carbon.rows import Row
from consolidate.carbon.series import SHORTEST_RUN, regular_series
from consolidate.errors import TraceError


def series(widths: list[int], values: list[float | None]):
    times = np.concatenate([[0], np.cumsum(widths)]).tolist()
    rows = [
        Row(line=k + 2, time_s=t, value=v) for k, (t, v) in enumerate(zip(times, values, strict=True))
    ]
    return rows, regular_series(rows, file="f", time_name="t", value_name="v", fill_gaps_h=3)


@given(
    coarse=st.integers(SHORTEST_RUN, 30),
    fine=st.integers(40, 60),
    order=st.booleans(),
    seed=st.integers(0, 99),
)
def test_mean_over_time_survives_a_change_of_step(
    coarse: int, fine: int, order: bool, seed: int
) -> None:
    """Hourly values held over quarters: the integral over time is that of the rows, whichever is first."""
    widths = [3_600] * coarse + [900] * fine if order else [900] * fine + [3_600] * coarse
    rng = np.random.default_rng(seed)
    values = rng.uniform(10, 900, len(widths) + 1).tolist()
    _, found = series(widths, values)
    last = widths[-1]
    due = sum(v * w for v, w in zip(values, [*widths, last], strict=True))
    assert found.grid.step_s == 900
    assert not found.filled.any()
    assert found.g_per_kwh.sum() * 900 == pytest.approx(due, rel=1e-12)
    assert [r.kind for r in found.repairs] == ["step"]


@given(missing=st.sets(st.integers(1, 46), max_size=12), seed=st.integers(0, 9))
def test_absent_rows_are_filled_as_by_hand(missing: set[int], seed: int) -> None:
    """Against a slow search for the neighbours of each hour."""
    runs = [k for k in missing if {k + 1, k + 2, k + 3} <= missing]
    values = np.random.default_rng(seed).uniform(10, 900, 48).tolist()
    kept = [k for k in range(48) if k not in missing]
    widths = [3_600 * (b - a) for a, b in pairwise(kept)]
    if runs:
        with pytest.raises(TraceError, match="no value from"):
            series(widths, [values[k] for k in kept])
        return
    _, found = series(widths, [values[k] for k in kept])
    for k in range(48):
        before = max(j for j in kept if j <= k)
        after = min(j for j in kept if j >= k)
        part = (k - before) / (after - before) if after > before else 0.0
        due = values[before] + part * (values[after] - values[before])
        assert found.g_per_kwh[k] == pytest.approx(due)
        assert found.filled[k] == (k in missing)
    assert sum(r.count for r in found.repairs if r.kind == "gap") == len(missing)


def test_repeats_of_one_value_are_counted_once(tmp_path: Path) -> None:
    """Two exports pasted together overlap; a repeat that contradicts is no repeat."""
    path = tmp_path / "twice.csv"
    path.write_text(
        "timestamp_utc,g_per_kwh\n2023-01-01T00:00Z,5\n2023-01-01T01:00Z,\n2023-01-01T01:00Z,6\n"
        "2023-01-01T02:00Z,7\n2023-01-01T02:00Z,7\n"
    )
    found = inspect_intensity(path)
    assert found.intensity.g_per_kwh.tolist() == [5.0, 6.0, 7.0]
    assert [r.kind for r in found.repairs] == ["duplicate", "duplicate"]
    assert any("given twice with the same value" in note for note in found.intensity.notes)
    path.write_text("timestamp_utc,g_per_kwh\n2023-01-01T00:00Z,5\n2023-01-01T00:00Z,6\n")
    with pytest.raises(TraceError, match="summer time"):
        inspect_intensity(path)


def test_changes_of_offset_are_listed(tmp_path: Path) -> None:
    """Local stamps with their offset are unambiguous, and still worth a line."""
    path = tmp_path / "local.csv"
    path.write_text(
        "timestamp_utc,g_per_kwh\n2023-10-29T02:00+02:00,5\n2023-10-29T02:00+01:00,6\n"
        "2023-10-29T03:00+01:00,7\n"
    )
    found = inspect_intensity(path)
    assert found.intensity.grid.n_steps == 3
    assert "1 changes of the clock" in " ".join(found.intensity.notes)
    assert "2023-10-29T01:00:00Z (offset +2 to +1 h)" in found.summary()


def test_leap_day_is_a_day(tmp_path: Path) -> None:
    """29 February 2024 has its 24 hours, between 28 February and 1 March."""
    path = tmp_path / "leap.csv"
    stamps = np.arange("2024-02-28T00", "2024-03-02T00", dtype="datetime64[h]")
    path.write_text(
        "timestamp_utc,g_per_kwh\n"
        + "".join(f"{stamp}:00Z,{10 + k}\n" for k, stamp in enumerate(stamps))
    )
    found = inspect_intensity(path)
    assert found.intensity.grid.n_steps == 72
    assert not found.repairs
    assert found.intensity.at(np.array(["2024-02-29T12"], "datetime64[s]"))[0] == 46.0


def test_wrong_year_asks_for_no_memory(tmp_path: Path) -> None:
    """Seconds up to the year 9999 would be two terabytes; refused before anything is laid out."""
    path = tmp_path / "year.csv"
    stamps = ["2023-01-01T00:00:00Z", "2023-01-01T00:00:01Z", "9999-01-01T00:00:02Z"]
    path.write_text("timestamp_utc,g_per_kwh\n" + "".join(f"{stamp},300\n" for stamp in stamps))
    with pytest.raises(TraceError, match="no value from 2023-01-01T00:00:02Z to 9999"):
        inspect_intensity(path)
