"""Hand-broken carbon and reports: each is refused, and the culprit is named."""

from __future__ import annotations

import json

import pytest

from consolidate.checks import check_run


def rows(name, change):
    return lambda run: run.rows(name, change)


def find(table, **key):
    return next(r for r in table if all(r[k] == v for k, v in key.items()))


def figure(metric, value):
    def change(run):
        old = next(
            f
            for f in json.loads((run.folder / "figures.json").read_text())["figures"]
            if f["metric"] == metric
        )
        run.json("figures.json", lambda c: find(c["figures"], metric=metric).update(value=value))
        # The copies follow, so that only the figure itself is wrong.
        run.text(
            "figures.csv", f"{metric},{old['arm']},{old['value']},", f"{metric},{old['arm']},{value},"
        )
        run.text(
            "report.html", f'"{metric}" data-value="{old["value"]}"', f'"{metric}" data-value="{value}"'
        )

    return change


def copy_differs(file, metric):
    def change(run):
        old = next(
            f
            for f in json.loads((run.folder / "figures.json").read_text())["figures"]
            if f["metric"] == metric
        )
        run.text(file, str(old["value"]), "0.125")

    return change


BROKEN = {
    # Carbon.
    "intensity with a gap": (
        rows("carbon.parquet", lambda t: t.pop(1)),
        "V10.coverage",
        ["carbon.parquet"],
    ),
    "intensity too short": (rows("carbon.parquet", lambda t: t.pop()), "V10.coverage", ["covers"]),
    "intensity changed": (
        rows("carbon.parquet", lambda t: t[0].update(g_per_kwh=211.6)),
        "V10.carbon",
        ["operational_carbon_baseline_kg"],
    ),
    "emissions of an arm": (
        lambda r: r.json(
            "carbon.json",
            lambda c: c["emissions_g"].update(baseline=c["emissions_g"]["baseline"] * 1.000001),
        ),
        "V10.carbon",
        ["carbon.json", "baseline"],
    ),
    "emissions of an arm missing": (
        lambda r: r.json("carbon.json", lambda c: c["emissions_g"].pop("consolidated")),
        "V10.carbon",
        ["None", "consolidated"],
    ),
    "intensity of a site missing": (
        rows("carbon.parquet", lambda t: [r.update(site=0) for r in t[3:]]),
        "V10.coverage",
        ["carbon.parquet"],
    ),
    "intensity negative": (
        rows("carbon.parquet", lambda t: t[0].update(g_per_kwh=-1.0)),
        "V10.coverage",
        ["site 0", "-1.0 g/kWh"],
    ),
    "emissions changed": (
        figure("operational_carbon_consolidated_kg", 0.01),
        "V10.carbon",
        ["operational_carbon_consolidated_kg"],
    ),
    # Every printed number.
    "energy figure": (figure("energy_saved_kwh", 1.5), "V12.figure", ["energy_saved_kwh", "1.5"]),
    "moves figure": (figure("migrations_count", 5), "V12.figure", ["migrations_count"]),
    "gap figure": (figure("gap_fraction", 0.0), "V12.figure", ["gap_fraction"]),
    "number in the CSV": (
        copy_differs("figures.csv", "bound_kwh"),
        "V12.copy",
        ["figures.csv", "bound_kwh", "0.125"],
    ),
    "number on the page": (
        copy_differs("report.html", "bound_kwh"),
        "V12.copy",
        ["report.html", "bound_kwh", "0.125"],
    ),
    "number only in the JSON": (
        lambda r: r.json(
            "figures.json", lambda c: find(c["figures"], metric="bound_kwh").update(value=0.125)
        ),
        "V12.figure",
        ["bound_kwh"],
    ),
    "figure not printed": (
        lambda r: r.text(
            "report.html",
            'data-metric="bound_kwh"',
            'data-metric="bound_kwh" hidden data-metrics=""'.replace("data-metric=", "data-m="),
        ),
        "V12.copy",
        ["report.html", "bound_kwh"],
    ),
    "figure printed twice, once wrong": (
        lambda r: r.text(
            "report.html", "</body>", '<b data-metric="bound_kwh" data-value="7">7</b></body>'
        ),
        "V12.copy",
        ["'7'"],
    ),
    "figure without status": (
        lambda r: r.json("figures.json", lambda c: c["figures"][0].pop("status")),
        "V12.schema",
        ["energy_baseline_kwh", "status"],
    ),
    "figure of unknown status": (
        lambda r: r.json("figures.json", lambda c: c["figures"][0].update(status="sure")),
        "V12.schema",
        ["sure"],
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_report_is_refused(run, name):
    """Every printed number is one of the run, in every file that prints it."""
    break_it, code, culprits = BROKEN[name]
    break_it(run)
    verdict = check_run(run.folder)
    messages = [v.message for v in verdict.violations if v.code == code]
    assert messages, verdict.to_text()
    assert any(all(culprit in m for culprit in culprits) for m in messages), messages
