from __future__ import annotations

import csv
import io
import json
from html.parser import HTMLParser

import numpy as np
import pytest

from consolidate.errors import InternalError
from consolidate.model import LEDGER
from consolidate.plotting.text import MINUS
from consolidate.reporting import Figure
from consolidate.reporting.figure import duration
from consolidate.reporting.tables import figures_csv, figures_json

CASES = ["saved", "lost", "even", "stay", "hostile", "huge", "sites", "bare"]
ARMS = ("baseline", "consolidated")


class Printed(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, set[str]] = {}

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if "data-metric" in attrs:
            self.values.setdefault(attrs["data-metric"], set()).add(attrs["data-value"])


def value(report, metric):
    return {f.metric: f.value for f in report.figures()}[metric]


@pytest.mark.parametrize("name", CASES)
def test_page_csv_and_json_agree_to_the_last_digit(reports, pages, name):
    """A reader must never find two values for one figure."""
    figures = reports[name].figures()
    printed = Printed()
    printed.feed(pages[name])
    rows = list(csv.DictReader(io.StringIO(figures_csv(figures))))
    entries = json.loads(figures_json(figures))["figures"]
    assert [r["metric"] for r in rows] == [e["metric"] for e in entries] == [f.metric for f in figures]
    assert set(printed.values) == {f.metric for f in figures}
    for row, entry, figure in zip(rows, entries, figures, strict=True):
        assert entry["value"] == figure.value
        assert row["value"] == repr(figure.value) == repr(entry["value"])
        assert printed.values[figure.metric] == {repr(figure.value)}
        assert list(row) == list(entry)


@pytest.mark.parametrize("name", CASES)
def test_independent_checks_find_no_difference_between_the_files(reports, pages, name):
    """The judge of run folders reads the same three files with its own code."""
    judge = pytest.importorskip("consolidate.checks.report")
    figures = reports[name].figures()
    parsed, problems = judge.parse_figures(json.loads(figures_json(figures)))
    files = judge.ReportFiles(figures=parsed, figures_csv=figures_csv(figures), html=pages[name])
    found, _, unknown = judge.report_violations(files, {})
    assert not problems
    assert not found
    assert unknown == len(figures)


def test_all_promised_metrics_are_there(reports):
    """Other parts of the project look figures up by these names."""
    names = {f.metric for f in reports["sites"].figures()}
    promised = {
        "energy_baseline_kwh", "energy_consolidated_kwh", "energy_saved_kwh", "energy_saved_fraction",
        "mean_power_baseline_w", "mean_power_consolidated_w", "released_hosts_count", "migrations_count",
        "migrations_skipped_count", "parking_count", "moved_gib", "plan_makespan_s", "boots_count",
        "shutdowns_count", "objective_kwh", "current_kwh", "bound_kwh", "gap_fraction", "horizon_s",
        "operational_carbon_baseline_kg", "operational_carbon_consolidated_kg",
        "operational_carbon_saved_kg", "vms_count", "hosts_count",
        "energy_saved_facility_proportional_kwh", "energy_saved_facility_marginal_kwh",
    }  # fmt: skip
    for arm in ARMS:
        promised |= {f"energy_{cause}_{arm}_kwh" for cause in LEDGER}
        promised |= {
            f"{name}_{arm}"
            for name in (
                "hosts_on_mean", "hosts_on_last", "downtime_s", "unmet_fraction", "unmet_core_s",
                "overload_fraction", "memory_overcommit_host_s", "waiting_vm_s",
            )
        }  # fmt: skip
    promised |= {f"energy_saved_share_{cause}" for cause in LEDGER}
    assert promised <= names


@pytest.mark.parametrize("name", CASES)
def test_the_ledger_adds_up_in_whole_millijoules(reports, name):
    """Auditors ask whether it adds up; integers leave no excuse."""
    report = reports[name]
    mj = {f.metric: round(f.value * 3.6e9) for f in report.figures() if f.unit == "kWh"}
    for arm, replay in zip(ARMS, (report.before, report.after), strict=True):
        if replay.total_mj < 2**52:
            assert sum(mj[f"energy_{cause}_{arm}_kwh"] for cause in LEDGER) == mj[f"energy_{arm}_kwh"]
            assert mj[f"energy_{arm}_kwh"] == replay.total_mj
    if report.before.total_mj < 2**52:
        assert mj["energy_baseline_kwh"] - mj["energy_consolidated_kwh"] == mj["energy_saved_kwh"]
        assert sum(mj[f"energy_{c}_saved_kwh"] for c in LEDGER) == mj["energy_saved_kwh"]


def test_switching_off_and_packing_split_the_saving(reports):
    """Packing without switching off saves little on old servers; the two must be told apart."""
    report = reports["saved"]
    off, packing = (value(report, f"energy_saved_{k}_kwh") for k in ("switching_off", "packing"))
    assert off + packing == pytest.approx(value(report, "energy_saved_kwh"), rel=1e-12)
    fleet = report.instance.fleet
    by_hand = 0
    for host, state, start, end in report.after.host_states:
        kind = fleet.types[fleet.host_type[host]]
        drawn_mw = {0: kind.power.points_mw[0], 2: kind.shutdown_mw, 3: kind.off_mw}[int(state)]
        by_hand += (kind.power.points_mw[0] - drawn_mw) * int(end - start)
    assert off == pytest.approx(by_hand / 3.6e9, rel=1e-12)


def test_facility_figures_use_the_pue_of_each_site(reports):
    """PUE differs between sites, and its fixed part does not follow the load."""
    report = reports["sites"]
    saved = (report.before.site_energy_mj - report.after.site_energy_mj).sum(axis=1) / 3.6e9
    proportional, marginal = (
        value(report, f"energy_saved_facility_{k}_kwh") for k in ("proportional", "marginal")
    )
    assert proportional == pytest.approx(saved[0] * 1.2 + saved[1] * 1.54)
    assert marginal == pytest.approx(saved[0] * 1.1 + saved[1] * 1.27)
    assert value(report, "energy_saved_kwh") < marginal < proportional


def test_without_pue_there_is_no_facility_figure(reports):
    """A PUE of one would only repeat the headline under another name."""
    assert not [f for f in reports["saved"].figures() if "facility" in f.metric or "pue" in f.metric]


def test_negative_and_zero_savings_keep_their_sign(reports):
    """A loss that is shown without its sign is a lie."""
    assert value(reports["lost"], "energy_saved_kwh") < 0
    assert value(reports["lost"], "energy_saved_fraction") < 0
    assert value(reports["even"], "energy_saved_kwh") == 0
    assert not [f for f in reports["even"].figures() if f.metric.startswith("energy_saved_share")]


def test_emissions_are_the_ones_given_in_kilograms(reports):
    """The report converts grams and computes nothing else."""
    report = reports["saved"]
    assert value(report, "operational_carbon_baseline_kg") == report.emissions_g["baseline"] / 1_000
    assert value(report, "carbon_intensity_baseline_g_per_kwh") == pytest.approx(380.0)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), np.float64("nan")])
def test_a_figure_is_finite(bad):
    """JSON has no word for it, and a page would print it."""
    with pytest.raises(InternalError, match="energy_x_kwh"):
        Figure(metric="energy_x_kwh", value=bad, unit="kWh", label="")


def test_numpy_scalars_become_plain_numbers():
    """``np.float64(1.5)`` in an attribute would break every reader."""
    assert repr(Figure(metric="a", value=np.float32(1.5), unit="W", label="").value) == "1.5"
    assert repr(Figure(metric="a", value=np.int64(3), unit="count", label="").value) == "3"


@pytest.mark.parametrize(
    ("number", "unit", "text"),
    [
        (0.57738, "fraction", "57.7 %"),
        (-1.28, "fraction", f"{MINUS}128 %"),
        (0.0, "kWh", "0 kWh"),
        (7.88e-9, "fraction", "below 0.0001 %"),
        (0.0, "fraction", "0 %"),
        (-6.8333, "kWh", f"{MINUS}6.83 kWh"),
        (1976.9, "kWh", "1,980 kWh"),
        (1.9769e12, "kWh", "1.98 \N{MULTIPLICATION SIGN} 10¹² kWh"),
        (2104, "count", "2,104"),
        (9600, "s", "9,600 s (2 h 40 min)"),
        (0.3, "s", "0.300 s"),
        (750.2, "kgCO2e", "750 kg CO₂e"),
        (1.2, "ratio", "1.20"),
    ],
)
def test_figures_are_printed_with_unit_and_three_digits(number, unit, text):
    """No more digits than a model deserves, and never a bare number."""
    assert Figure(metric="m", value=number, unit=unit, label="").text() == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (3600, "1 h"),
        (86_400 * 7, "7 d"),
        (90_061, "1 d 1 h"),
        (3_661, "1 h 1 min"),
    ],
)
def test_durations_use_their_two_largest_units(seconds, text):
    """Nobody reads 604800 s as a week."""
    assert duration(seconds) == text
