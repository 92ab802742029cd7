"""The lines of the account in the report, their intervals, and all formats, held against the checks."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pytest

from consolidate.carbon import read_market_factors, read_tariff
from consolidate.checks.pdf_text import pdf_lines
from consolidate.checks.readable import page_violations, paper_violations
from consolidate.checks.report import ReportFiles, parse_figures, report_violations
from consolidate.errors import InstanceError, UnknownNameError
from consolidate.model import TimeGrid
from consolidate.reporting import FORMATS, Account
from consolidate.reporting.formats import contents


def values(report):
    return {f.metric: f.value for f in report.figures()}


@pytest.fixture(scope="module")
def case(synthetic):
    return synthetic.make_case(n_hosts=9, n_vms=20, pues=(1.2, 1.54))


@pytest.fixture(scope="module")
def account(case, tmp_path_factory):
    folder = tmp_path_factory.mktemp("account")
    market = "start_utc,end_utc,g_per_kwh,instrument,evidence\n"
    market += "2011-03-01T00:00:00Z,2011-03-05T00:00:00Z,12,guarantee of origin,=cmd|'/C calc'!A0\n"
    (folder / "market.csv").write_text(market, "utf-8")
    tariff = "start_utc,end_utc,price_per_kwh,currency\n"
    tariff += "2011-03-01T00:00:00Z,2011-03-05T00:00:00Z,0.25,EUR\n"
    (folder / "tariff.csv").write_text(tariff, "utf-8")
    marginal = replace(case.intensity, kind="marginal", g_per_kwh=np.full(72, 700.0), notes=())
    return Account(
        marginal=(marginal, marginal),
        market=read_market_factors(folder / "market.csv"),
        tariff=read_tariff(folder / "tariff.csv"),
        wue_l_per_kwh=1.5,
        embodied_kg=1_000.0,
    )


@pytest.fixture(scope="module")
def full(synthetic, case, account):
    return synthetic.make_report(case, account=account)


@pytest.fixture(scope="module")
def files(full):
    """All files of the full report, made once."""
    return contents(full, FORMATS)


def test_lines_follow_from_the_ledger_by_hand(full, case):
    """Constant factors make every line a product that can be done on paper."""
    found, saved = values(full), case.before.energy_kwh - case.after.energy_kwh
    assert found["marginal_carbon_saved_kg"] == pytest.approx(saved * 0.7)
    assert found["market_carbon_saved_kg"] == pytest.approx(saved * 0.012)
    assert found["cost_saved"] == pytest.approx(saved * 0.25)
    assert found["water_saved_l"] == pytest.approx(saved * 1.5)
    memo_kg = 9 * 1_000 * 6 / (4 * 365.25 * 24)
    assert found["embodied_memo_kg"] == pytest.approx(memo_kg)
    assert found["served_vm_h"] == 20 * 6
    sci = (case.before.energy_kwh * 380 + memo_kg * 1_000) / 120
    assert found["sci_baseline_g_per_vm_h"] == pytest.approx(sci)


def test_embodied_carbon_is_never_saved(full):
    """What it took to make a server is spent, on or off."""
    assert not [m for m in values(full) if m.startswith("embodied") and "saved" in m]


def test_lines_without_facts_are_left_out(synthetic, case):
    """No market-based line by default, no money, no water, no score without the embodied part."""
    names = set(values(synthetic.make_report(case)))
    for start in ("market_", "marginal_", "cost", "water", "sci", "embodied"):
        assert not [n for n in names if n.startswith(start)]


def test_short_windows_have_no_interval_over_days(full):
    """Six hours say nothing about other days; what was assumed still has its range."""
    by_name = {f.metric: f for f in full.figures()}
    assert by_name["energy_saved_kwh"].low is None
    assert by_name["whole_days_count"].value == 0
    assumed = by_name["energy_saved_assumed_kwh"]
    assert assumed.low < assumed.value < assumed.high
    assert "No interval:" in full.html()


@pytest.fixture(scope="module")
def long(synthetic):
    return synthetic.make_report(synthetic.make_case(n_hosts=6, n_vms=12, n_steps=288 * 15))


def test_long_windows_have_intervals(long):
    """Two weeks allow an interval, with a word on how short the sample is."""
    by_name = {f.metric: f for f in long.figures()}
    for metric in ("energy_saved_kwh", "energy_saved_fraction", "operational_carbon_saved_kg"):
        assert by_name[metric].low < by_name[metric].value < by_name[metric].high
    assert "short sample: 14 whole days" in long.html()


def test_equal_arms_save_exactly_nothing_in_every_draw(synthetic):
    """Common draws: what is wrong in both arms cancels."""
    still = synthetic.make_case(n_hosts=6, n_vms=12, moving=False)
    for figure in synthetic.make_report(still, result=None).figures():
        if "saved" in figure.metric or figure.metric.startswith("sensitivity"):
            assert figure.value == 0
            assert (figure.low, figure.high) in ((None, None), (0, 0))


def test_every_number_of_every_format_reads_back(full, files):
    """HTML and PDF are read as a person reads them; CSV, JSON and Parquet to the last digit."""
    import pyarrow.parquet as pq

    figures, problems = parse_figures(json.loads(files["figures.json"]))
    html, pdf = files["report.html"], files["report.pdf"]
    assert not problems
    assert not page_violations(html, figures)
    assert not paper_violations(pdf, figures)
    held = ReportFiles(figures=figures, figures_csv=files["figures.csv"], html=html, pdf=pdf)
    assert not report_violations(held, {})[0]
    rows = pq.read_table(io.BytesIO(files["figures.parquet"])).to_pylist()
    assert [(r["metric"], r["value"]) for r in rows] == [(f.metric, f.value) for f in full.figures()]


def test_a_wrong_number_on_paper_is_found(files):
    """The check must be able to fail: figures of another run do not match this paper."""
    figures, _ = parse_figures(json.loads(files["figures.json"]))
    wrong = tuple(
        replace(f, value=1.07 * f.value) if f.metric == "energy_saved_kwh" else f for f in figures
    )
    (found,) = paper_violations(files["report.pdf"], wrong)
    assert found.code == "V12.printed"
    assert "energy_saved_kwh" in found.message


def test_paper_has_the_words_of_the_page(files):
    """One text, two outputs."""
    text = " ".join(pdf_lines(files["report.pdf"]))
    for words in ("For the operator", "For the auditor", "Not included", "consolidate check RUN"):
        assert words in text


def test_paper_is_the_same_each_time(full, files):
    """Equal reports, equal bytes: also the PDF can be signed; it was made seconds before."""
    assert contents(full, ("pdf",))["report.pdf"] == files["report.pdf"]


def test_unknown_formats_are_refused_before_anything_is_written(full, tmp_path):
    """A typo must not leave half a report."""
    with pytest.raises(UnknownNameError, match="did you mean 'html'"):
        full.write(tmp_path / "out", formats=("csv", "htm"))
    assert not (tmp_path / "out").exists()


def test_a_later_report_leaves_no_stale_files(full, tmp_path):
    """Yesterday's tables beside today's page would be two truths; files of others stay."""
    (tmp_path / "report.pdf").write_text("of somebody else", "utf-8")
    full.write(tmp_path, formats=("csv", "json", "parquet"))
    full.write(tmp_path, formats=("json",))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "account.json", "account.parquet", "figures.json", "report.pdf",
    ]  # fmt: skip


def test_other_arms_are_paired_with_the_same_baseline(synthetic, case):
    """A simple policy beside ours: what it saves, and what ours saves beyond it."""
    report = synthetic.make_report(case, others={"ffd <b>": replace(case.before, label="ffd")})
    found = values(report)
    assert found["energy_saved_arm_ffd_b_kwh"] == 0
    assert found["energy_saved_beyond_arm_ffd_b_kwh"] == pytest.approx(found["energy_saved_kwh"])
    assert "ffd &lt;b&gt;" in report.html()
    late = replace(case.before, grid=TimeGrid(start="2012-01-01", step_s=300, n_steps=72))
    with pytest.raises(InstanceError, match="other steps"):
        synthetic.make_report(case, others={"late": late})


def test_bad_numbers_are_all_named():
    """All problems at once."""
    with pytest.raises(InstanceError) as caught:
        Account(wue_l_per_kwh=-1.0, embodied_kg=float("nan"), lifetime_years=0.0, draws=1)
    assert len(caught.value.issues) == 4


def test_another_grid_changes_carbon_and_nothing_else(synthetic, case):
    """A cleaner grid is no saving of the plan; energy, hosts and money do not move."""
    other = replace(case.intensity, g_per_kwh=np.full(72, 60.0))
    grams = {"baseline": case.before.energy_kwh * 60, "consolidated": case.after.energy_kwh * 60}
    here = values(synthetic.make_report(case))
    there = values(synthetic.make_report(case, intensities=(other, other), emissions_g=grams))
    changed = {metric for metric in here if here[metric] != there[metric]}
    assert here.keys() == there.keys()
    assert changed
    assert all("carbon" in m or m.endswith("_kg") for m in changed)


def test_a_vm_called_like_a_figure_does_not_confuse_the_check(synthetic):
    """Names are whatever a tenant likes, the name of a figure included."""
    names = ("energy_saved_kwh", "gap_fraction", "window_s")
    report = synthetic.make_report(synthetic.make_case(n_hosts=4, n_vms=3, vm_ids=names))
    made = contents(report, ("html", "pdf"))
    figures, _ = parse_figures(json.loads(made["figures.json"]))
    assert not paper_violations(made["report.pdf"], figures)
    assert not page_violations(made["report.html"], figures)
