from __future__ import annotations

import re
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest

from consolidate import plotting
from consolidate.carbon import PARAMETERS, Bar
from consolidate.errors import InputError, UnknownNameError
from consolidate.model import Boot, MigrationPlan, Restore, Save
from consolidate.plotting.over_time import MAX_STEPS, _steps
from consolidate.plotting.plan import MAX_PARTS, _thinned, _under_way
from consolidate.plotting.policies import _unbeaten
from consolidate.plotting.utilization import _shrink

TABLE = pd.DataFrame(
    {
        "policy": ["ffd", "bfd", "pabfd-lr-mmt", "auto", "$none$ </svg><script>"],
        "energy_kwh": [120.0, 118.0, 119.0, 101.0, 160.0],
        "overload_fraction": [0.01, 0.012, 0.05, 0.004, 0.0],
        "migrations": [120, 130, 26_000, 90, 0],
    }
)

#: Two ends on both sides, two on one side, none, and a negative saving.
BARS = tuple(
    Bar(parameter=PARAMETERS[k], at_low=low, at_high=high, base=-1.0)
    for k, (low, high) in enumerate(((-3.0, 2.0), (0.5, 1.0), (-1.0, -1.0)))
)

DRAWN = {
    "power": lambda ax, c: plotting.power_over_time(ax, c.before, c.after),
    "hosts": lambda ax, c: plotting.hosts_on(ax, c.before, c.after),
    "ledger": lambda ax, c: plotting.savings_waterfall(ax, c.before, c.after),
    "utilization": lambda ax, c: plotting.host_utilization(ax, c.after),
    "plan": lambda ax, c: plotting.migration_timeline(ax, c.plan, c.instance),
    "placement": lambda ax, c: plotting.placement_before_after(ax, c.instance, c.plan.target),
    "policies": lambda ax, c: plotting.energy_vs_overload(TABLE, ax),
    "tornado": lambda ax, c: plotting.savings_tornado(ax, BARS, unit="kWh"),
    "arms": lambda ax, c: plotting.energy_of_arms(ax, [("$a$", c.before), ("ours", c.after)]),
}


def texts(ax) -> list[str]:
    from matplotlib.text import Text

    return [t.get_text() for t in ax.findobj(Text)]


@pytest.mark.parametrize("name", DRAWN)
def test_figures_return_their_axes_and_name_their_units(ax, small, name):
    """A figure function composes; an axis without a unit is half a statement."""
    assert DRAWN[name](ax, small) is ax
    assert ax.get_xlabel()
    if name not in ("ledger", "plan", "tornado", "arms"):
        assert ax.get_ylabel()


@pytest.mark.parametrize("name", DRAWN)
def test_svg_is_small_plain_and_the_same_each_time(synthetic, large, name):
    """800 hosts and 216 steps must stay a light page; equal nouns give equal bytes."""
    from matplotlib.figure import Figure

    made = []
    for _ in range(2):
        with plotting.style():
            fig = Figure(figsize=(10, 4), layout="constrained")
            DRAWN[name](fig.subplots(), large)
            made.append(plotting.figure_svg(fig, name=name, title="t", description="<d>"))
    assert made[0] == made[1]
    svg = made[0]
    assert len(svg) < 90_000
    root = ET.fromstring(svg)
    assert not [e for e in root.iter() if "style" in e.attrib or e.tag.endswith(("}style", "}script"))]
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", svg)
    ids = [e.get("id") for e in root.iter() if e.get("id")]
    assert len(ids) == len(set(ids))
    assert all(i.startswith(f"{name}-") for i in ids)
    used = set(re.findall(r"url\(#([^)]+)\)", svg)) | set(re.findall(r'href="#([^"]+)"', svg))
    assert used <= set(ids)


def test_svg_keeps_the_look_without_style_attributes(ax):
    """Presentation attributes stand in for styles, which a page's policy forbids."""
    ax.text(0.5, 0.5, "bold slanted", weight="bold", style="italic", rotation=90)
    ax.plot([0, 1], [0, 1], color="#123456", linestyle="--")
    svg = plotting.figure_svg(ax.figure)
    text = re.search(r"<text[^>]*>bold slanted", svg).group()
    assert 'font-size="8.5px"' in text
    assert 'font-weight="700"' in text or 'font-weight="bold"' in text
    assert 'font-style="italic"' in text
    assert "rotate(-90" in text
    assert re.search(r'<path[^>]*stroke="#123456"', svg)
    assert "stroke-dasharray" in svg


@pytest.mark.parametrize("kind", ["small", "swapped", "still", "huge"])
def test_waterfall_closes_exactly(ax, synthetic, small, kind):
    """Causes add up to the saving to the millijoule, whatever its sign and size."""
    case = {
        "small": lambda: small,
        "swapped": lambda: synthetic.swapped(small),
        "still": lambda: synthetic.make_case(n_hosts=4, n_vms=6, moving=False),
        "huge": lambda: synthetic.make_case(n_hosts=4, n_vms=6, scale=1e7),
    }[kind]()
    changes = plotting.ledger_changes(case.before, case.after)
    assert case.before.total_mj + sum(change for _, change in changes) == case.after.total_mj
    plotting.savings_waterfall(ax, case.before, case.after)
    last = ax.patches[-1]
    assert last.get_width() == pytest.approx(case.after.energy_kwh)
    assert last.get_x() == 0


def test_savings_and_losses_are_named(ax, synthetic, small):
    """The area says how much, and which way."""
    plotting.power_over_time(ax, small.before, small.after)
    assert any(t.startswith("saved ") for t in texts(ax))
    worse = synthetic.swapped(small)
    ax.clear()
    plotting.power_over_time(ax, worse.before, worse.after)
    assert any(t.startswith("lost ") for t in texts(ax))


def test_lines_that_cross_leave_no_room_for_words(ax, small):
    """Where load swings by more than is saved, the picture is drawn and says nothing between the lines."""
    real = small.before
    swinging = np.where(np.arange(real.grid.n_steps) % 2, 100.0, 900.0)
    arms = [
        SimpleNamespace(
            grid=real.grid, power_w=watts, total_mj=total, step_energy_mj=real.step_energy_mj
        )
        for watts, total in ((swinging + 50, 2), (swinging, 1))
    ]
    plotting.power_over_time(ax, *arms)
    assert not [t for t in texts(ax) if "saved" in t or "lost" in t]


def test_many_steps_are_drawn_as_means_that_keep_the_energy():
    """A month at five minutes must not be a line of ten thousand points, nor change its mean."""
    from consolidate.model import TimeGrid

    grid = TimeGrid(start="2024-01-01", step_s=300, n_steps=8_641)
    values = np.random.default_rng(0).uniform(0, 9, grid.n_steps)
    edges, means = _steps(grid, values)
    assert means.size <= MAX_STEPS
    assert (means * np.diff(edges)).sum() / edges[-1] == pytest.approx(values.mean())


def test_heat_map_shows_hosts_that_are_off(ax, small):
    """Off is the whole point; it must not look like idle."""
    plotting.host_utilization(ax, small.after)
    pixels = ax.images[0].get_array()
    off = pixels[0, -1]
    assert (pixels[-1] != off).any(axis=-1).all()
    assert "off" in texts(ax)


def test_neighbours_are_averaged_over_time_on():
    """Shrinking must not mix zeros of hosts that are off into utilisation."""
    values = np.full((5, 7), np.nan, dtype=np.float32)
    values[:3] = 0.5
    cells = _shrink(values, 3, 4)
    assert cells.shape == (3, 4)
    assert (cells[0] == 0.5).all()
    assert np.isnan(cells[2]).all()


def test_hosts_that_go_off_come_first(small):
    """The order turns the heat map into stairs."""
    order = plotting.host_order(small.after)
    share = (~np.isnan(small.after.utilization)).mean(axis=1)
    assert (np.diff(share[order]) >= 0).all()


def test_small_plans_get_a_lane_per_host(ax, small):
    """Ten moves are read one by one, by name."""
    plotting.migration_timeline(ax, small.plan, small.instance)
    labels = [t.get_text() for t in ax.get_yticklabels()]
    assert sorted(labels) == sorted(small.before.host_ids)
    assert any("VM leaves" in t for t in texts(ax))


def test_large_plans_show_how_much_happens_at_a_time(ax, large):
    """A thousand moves are read as a course."""
    assert len(large.plan.migrations) > 1_000
    plotting.migration_timeline(ax, large.plan, large.instance)
    assert any(f"at most 8, {len(large.plan.migrations):,} in all" in t for t in texts(ax))


def test_many_moves_between_few_hosts_stay_a_small_file(synthetic):
    """A thousand moves can fit into twenty lanes; a path for each would be half a megabyte."""
    from matplotlib.figure import Figure

    case = synthetic.make_case(n_hosts=20, n_vms=1_200, n_steps=300, kept=4)
    assert len(case.plan.migrations) > 900
    with plotting.style():
        fig = Figure(figsize=(10, 5), layout="constrained")
        plotting.migration_timeline(fig.subplots(), case.plan, case.instance)
        assert len(plotting.figure_svg(fig)) < 200_000


def test_boots_and_empty_plans_are_drawn(ax, small):
    """Rare plans must not break a report."""
    boot = Boot(id=0, host=1, start_s=0, end_s=300)
    half = {"vm": 0, "image_mib": 9, "rate_mib_per_s": 9.0, "overhead_mcores": 0}
    save = Save(id=1, host=2, start_s=0, end_s=50, **half)
    restore = Restore(id=2, host=1, start_s=300, end_s=350, **half)
    there = {"current": small.plan.current, "target": small.plan.target}
    plan = MigrationPlan(actions=(boot, save, restore), **there)
    plotting.migration_timeline(ax, plan)
    assert any("host boots" in t for t in texts(ax))
    assert any("to storage and from there" in t for t in texts(ax))
    ax.clear()
    plotting.migration_timeline(ax, plan, max_lanes=0)
    assert any("hosts booting (1 in all)" in t for t in texts(ax))
    assert any("VMs in storage (1 in all)" in t for t in texts(ax))
    ax.clear()
    plotting.migration_timeline(ax, MigrationPlan.empty(small.plan.current))
    assert any("the plan is empty" in t for t in texts(ax))


def test_actions_under_way_are_counted(small):
    """Two moves at a time were planned; back-to-back moves are not counted twice."""
    x, y = _under_way(small.plan.migrations)
    assert y.max() == 2
    assert (np.diff(x) >= 0).all()
    assert y[0] == y[-1] == 0


def test_a_course_of_many_moves_keeps_its_peaks_and_a_small_file():
    """Ten thousand hosts make fifty thousand events; a reader sees the least and the most of each moment."""
    x = np.repeat(np.arange(25_000.0), 2)
    y = np.random.default_rng(0).integers(0, 50, x.size)
    y[31_416] = 99
    few_x, few_y = _thinned(x, y)
    assert few_x.size <= 4 * MAX_PARTS
    assert (np.diff(few_x) >= 0).all()
    assert (few_x[0], few_x[-1]) == (x[0], x[-1])
    assert (few_y[0], few_y[-1], few_y.max(), few_y.min()) == (y[0], y[-1], 99, 0)
    assert few_x[few_y.argmax()] == x[31_416]
    assert _thinned(x[:100], y[:100])[0].size == 100


def test_one_host_is_not_called_hosts(ax, synthetic):
    """Small sites read reports, too."""
    case = synthetic.make_case(n_hosts=1, n_vms=2, moving=False)
    plotting.host_utilization(ax, case.before)
    assert ax.get_ylabel() == "the only host"
    ax.clear()
    plotting.placement_before_after(ax, case.instance, case.plan.target)
    assert any("1 host carries VMs" in t for t in texts(ax))


def test_rows_that_stand_for_several_hosts_say_so(ax, large):
    """A picture of 800 hosts on 240 rows does not show each of them."""
    plotting.host_utilization(ax, large.before, max_rows=240)
    assert ax.get_ylabel() == "800 hosts, 4 per row"


def test_an_arm_that_loses_has_a_plus_sign(ax, small):
    """A change without a sign reads as a share."""
    plotting.energy_of_arms(ax, [("baseline", small.after), ("other", small.before)])
    assert any("(+" in t for t in texts(ax))


def test_names_are_never_read_as_formulas(synthetic):
    """A dollar sign in a name is a dollar sign, and markup is text."""
    from matplotlib.figure import Figure

    names = ("$x^2$", "</svg><script>", "\u202eabc", *(f"h{k}" for k in range(3)))
    case = synthetic.make_case(n_hosts=6, n_vms=12, host_ids=names)
    with plotting.style():
        fig = Figure(layout="constrained")
        plotting.migration_timeline(fig.subplots(), case.plan, case.instance)
        svg = plotting.figure_svg(fig)
    assert ">$x^2$<" in svg
    assert "&lt;/svg&gt;&lt;script&gt;" in svg
    assert "\\u202eabc" in svg


def test_placement_names_the_resource_and_refuses_unknown_ones(ax, small):
    """A misspelt resource must not silently draw another."""
    plotting.placement_before_after(ax, small.instance, small.plan.target, resource="memory_demand_mib")
    assert "memory" in ax.get_title(loc="left")
    assert any("3 hosts carry VMs" in t for t in texts(ax))
    with pytest.raises(UnknownNameError, match="memory_mib"):
        plotting.placement_before_after(ax, small.instance, small.plan.target, resource="memory_mib")


def test_policies_that_nobody_beats_stand_out():
    """A policy is beaten if another is as good in both and better in one."""
    energy, overload = np.array([3.0, 2.0, 2.0, 1.0]), np.array([0.0, 1.0, 1.0, 2.0])
    assert _unbeaten(energy, overload).tolist() == [True, True, True, True]
    assert _unbeaten(energy, np.array([1.0, 1.0, 1.0, 1.0])).tolist() == [False, False, False, True]


def test_compare_table_makes_its_own_axes(monkeypatch):
    """In a notebook one line draws; the figure is a pyplot one so that it shows."""
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    ax = plotting.energy_vs_overload(TABLE)
    assert ax.figure.number in plt.get_fignums()
    plt.close(ax.figure)


@pytest.mark.parametrize("table", [TABLE.drop(columns="migrations"), TABLE.iloc[:0]])
def test_compare_table_that_cannot_be_drawn_is_refused(table):
    """The message names what is missing instead of a KeyError from within."""
    with pytest.raises(InputError, match="energy_vs_overload needs"):
        plotting.energy_vs_overload(table)


def test_style_does_not_leak():
    """A library must not restyle its user's figures."""
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    with plotting.style():
        assert mpl.rcParams["svg.hashsalt"] == "consolidate"
    assert dict(mpl.rcParams) == before


def test_importing_plotting_does_not_import_matplotlib():
    """The command line must answer at once."""
    import subprocess
    import sys

    code = (
        "import sys, consolidate.plotting, consolidate.reporting\n"
        "print([m for m in ('matplotlib', 'jinja2', 'pandas') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
