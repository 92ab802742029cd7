"""``report`` in all formats, ``check`` of all of them, ``diff``, and reports for readers outside."""

from __future__ import annotations

import json
import shutil

import pyarrow.parquet as pq
import pytest

MARKET = "start_utc,end_utc,g_per_kwh,instrument,evidence\n{start},{end},12,residual mix,AIB\n"
TARIFF = "start_utc,end_utc,price_per_kwh,currency\n{start},{end},0.25,EUR\n"


@pytest.fixture(scope="module")
def reported(cloud, options, tmp_path_factory):
    """A run with two further arms, reported in all formats with every line."""
    from consolidate.cli.main import _run

    folder = tmp_path_factory.mktemp("reported")
    out = folder / "run"
    span = {"start": "2000-01-01T00:00:00Z", "end": "2100-01-01T00:00:00Z"}
    (folder / "market.csv").write_text(MARKET.format(**span), "utf-8")
    (folder / "tariff.csv").write_text(TARIFF.format(**span), "utf-8")
    lines = ("--market", folder / "market.csv", "--tariff", folder / "tariff.csv", "--wue", "1.2")
    for call in (
        ("run", cloud, "--out", out, *options, "--quiet"),
        ("replay", out, "--also", "without-off", "--also", "bfd", "--quiet"),
        ("report", out, "--format", "html,pdf,csv,json,parquet", *lines, "--embodied", "1000"),
    ):
        assert _run([str(a) for a in call]) == 0
    return out


@pytest.fixture
def copy(reported, tmp_path):
    return shutil.copytree(reported, tmp_path / "run")


def test_every_printed_figure_is_derived_again(consolidate, reported):
    """Zero mismatches, and nothing that the checks have to take on trust."""
    done = consolidate("check", reported)
    assert done.code == 0
    assert "CSV, page, PDF, Parquet carry the same values" in done.out
    assert "are not derived again" not in done.out
    figures = json.loads((reported / "figures.json").read_text("utf-8"))["figures"]
    metrics = {f["metric"] for f in figures}
    assert {
        "cost_saved",
        "water_saved_l",
        "market_carbon_saved_kg",
        "sci_baseline_g_per_vm_h",
    } <= metrics
    assert {"energy_saved_arm_without_off_kwh", "energy_saved_arm_bfd_kwh"} <= metrics


def _figures(folder, change):
    path = folder / "figures.json"
    content = json.loads(path.read_text("utf-8"))
    change({f["metric"]: f for f in content["figures"]})
    path.write_text(json.dumps(content), "utf-8")


TAMPERED = {
    "interval": (
        lambda run: _figures(run, lambda f: f["energy_saved_assumed_kwh"].update(low=0.0)),
        "V12.interval",
    ),
    "cost": (lambda run: _figures(run, lambda f: f["cost_saved"].update(value=1e6)), "V12.figure"),
    "tornado": (
        lambda run: _figures(run, lambda f: f["sensitivity_idle_low_kg"].update(value=1.0)),
        "V12.figure",
    ),
    "arm": (
        lambda run: _figures(run, lambda f: f["energy_saved_arm_bfd_kwh"].update(value=0.5)),
        "V12.figure",
    ),
    "pdf gone": (lambda run: (run / "report.pdf").unlink(), "V0.missing"),
    "page text": (
        lambda run: (run / "report.html").write_text(
            (run / "report.html").read_text("utf-8").replace(" kWh</span>", "7 kWh</span>", 1), "utf-8"
        ),
        "V12.printed",
    ),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_whatever_is_changed_is_found(consolidate, copy, name):
    """A check that cannot fail checks nothing."""
    change, code = TAMPERED[name]
    change(copy)
    done = consolidate("check", copy)
    assert done.code == 4
    assert code in done.out


def test_a_changed_tariff_no_longer_gives_the_cost(consolidate, copy):
    """The record of the account is what the figures are derived from."""
    import pyarrow as pa
    import pyarrow.compute as pc

    table = pq.read_table(copy / "account.parquet")
    doubled = pc.multiply(table["per_kwh"], 2.0)
    at = table.column_names.index("per_kwh")
    pq.write_table(
        table.set_column(at, pa.field("per_kwh", pa.float64()), doubled), copy / "account.parquet"
    )
    done = consolidate("check", copy)
    assert done.code == 4
    assert "cost_saved" in done.out
    assert "market_carbon_saved_kg" in done.out


def test_a_report_with_tokens_can_still_be_checked(consolidate, reported, tmp_path):
    """An auditor outside sees no name; the operator proves that it is the report of the run."""
    out, key = tmp_path / "outside", tmp_path / "key"
    key.write_text("k" * 40, "utf-8")
    done = consolidate("report", reported, "--pseudonymize", "--key", key, "--out", out)
    assert done.code == 0
    hosts = [h["id"] for h in json.loads((reported / "fleet.json").read_text("utf-8"))["hosts"]]
    for path in out.iterdir():
        content = path.read_bytes().decode("latin-1")
        assert not [h for h in hosts if h in content], path.name
    assert consolidate("check", reported, "--report", out).code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--pseudonymize",), "needs --out with another folder"),
        (("--key", "x"), "was not given"),
        (("--format", "html,docx"), "no report format named 'docx'"),
        (("--tariff", "none.csv"), "cannot be read"),
        (("--wue", "-1"), "wue_l_per_kwh"),
    ],
)
def test_bad_options_write_nothing(consolidate, copy, arguments, words):
    """Exit code 2, a sentence, and the old report untouched."""
    before = {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()}
    done = consolidate("report", copy, *arguments)
    assert done.code == 2
    assert words in done.err
    assert {p: p.read_bytes() for p in copy.rglob("*") if p.is_file()} == before


def test_diff_names_what_changed(consolidate, reported, copy):
    """A change log between runs: inputs first, then every figure."""
    same = consolidate("diff", reported, copy)
    assert same.code == 0
    assert "figures: 0 differ" in same.out
    assert consolidate("report", copy, "--wue", "2.4").code == 0
    text = consolidate("diff", reported, copy).out
    assert "wue_l_per_kwh: 1.2 -> 2.4" in text
    assert "cost_saved: " in text
    assert "-> nothing EUR" in text
    found = json.loads(consolidate("diff", reported, copy, "--json").out)
    assert {row["metric"] for row in found["figures"]} >= {"water_saved_l", "cost_saved"}


def test_diff_cannot_steer_the_terminal(consolidate, reported, copy):
    """Options and notes come from files of others."""
    path = copy / "manifest.json"
    about = json.loads(path.read_text("utf-8"))
    about["notes"] = ["\x1b]0;owned\x07\u202e"]
    path.write_text(json.dumps(about), "utf-8")
    out = consolidate("diff", reported, copy).out
    assert "owned" in out
    assert not [c for c in "\x1b\x07\u202e" if c in out]


def test_diff_needs_reports(consolidate, reported, tmp_path):
    """A folder without a report is a user's slip, not a bug."""
    done = consolidate("diff", reported, tmp_path)
    assert done.code == 2
    assert "figures.json is not there yet" in done.err
