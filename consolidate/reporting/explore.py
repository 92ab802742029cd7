"""Several runs on one page to look around in: filters, values on hover, everything inside one file."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from consolidate.errors import InputError
from consolidate.plotting.text import number, percent, visible
from consolidate.reporting.files import write_files
from consolidate.units import SECONDS_PER_HOUR, g_to_kg

if TYPE_CHECKING:
    from consolidate.model.replay import Replay
    from consolidate.study import RunData

__all__ = ["explore_page", "write_explore_page"]

#: Most points of a line; more would not be seen.
MOST_POINTS: Final = 480


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What can be chosen for the bars: key, words with the unit, and whether it is a share."""

    key: str
    words: str
    share: bool = False


MEASURES: Final = (
    Measure(key="energy_kwh", words="energy, kWh"),
    Measure(key="saved_fraction", words="energy saved, % of the baseline", share=True),
    Measure(key="carbon_kg", words="operational emissions, kg CO2e"),
    Measure(key="hosts_on_mean", words="hosts on, mean"),
    Measure(key="migrations", words="VMs moved"),
    Measure(key="unmet_fraction", words="CPU demand not delivered, %", share=True),
    Measure(key="overload_fraction", words="host time overloaded, %", share=True),
)


def write_explore_page(runs: Sequence[RunData], path: str | Path) -> Path:
    """Write the page of several runs; the file appears whole or not at all.

    Parameters
    ----------
    runs
        Complete runs, at least one; their folders name them.
    path
        File to write.

    Raises
    ------
    InputError
        When there is no run, or two have one folder.
    """
    path = Path(path)
    return write_files(path.parent, {path.name: explore_page(runs)})[0]


def explore_page(runs: Sequence[RunData]) -> str:
    """Return the page of several runs: no fetch, one script and one style sheet, both allowed by hash."""
    from markupsafe import Markup

    from consolidate.reporting.html import page_environment, template_text

    if not runs or len({run.folder.resolve() for run in runs}) < len(runs):
        msg = "an overview needs at least one run folder, each once"
        raise InputError(msg)
    data = {
        "measures": [{"key": m.key, "words": m.words, "share": m.share} for m in MEASURES],
        "runs": [_run(run, name) for run, name in zip(runs, _names(runs), strict=True)],
    }
    css, script = template_text("explore.css"), template_text("explore.js")
    # Inside a script element only "<" could end it; escaped, it is the same JSON.
    text = json.dumps(data, allow_nan=False).replace("<", "\\u003c")
    return (
        page_environment()
        .get_template("explore.html.j2")
        .render(
            csp=_policy(css, script),
            css=Markup(css),  # noqa: S704 (from the package)
            script=Markup(script),  # noqa: S704 (from the package)
            data=Markup(text),  # noqa: S704 (escaped above)
            measures=MEASURES,
            runs=data["runs"],
            shown=_shown,
        )
    )


def _policy(css: str, script: str) -> str:
    one, two = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (css, script)
    )
    return (
        f"default-src 'none'; style-src 'sha256-{one}'; script-src 'sha256-{two}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _names(runs: Sequence[RunData]) -> list[str]:
    """Return the names of the folders, with as many folders above as it takes to tell them apart."""
    parts = [run.folder.resolve().parts for run in runs]
    depth = 1
    while len({p[-depth:] for p in parts}) < len(parts):
        depth += 1
    return ["/".join(p[-depth:]) for p in parts]


def _run(run: RunData, name: str) -> dict[str, Any]:
    arms = {"baseline": run.baseline, **run.others, "consolidated": run.consolidated}
    base_mj = run.baseline.total_mj
    grid = run.baseline.grid
    parts = np.unique(np.linspace(0, grid.n_steps, min(MOST_POINTS, grid.n_steps) + 1, dtype=np.int64))
    return {
        "name": visible(name),
        "start": f"{grid.start}Z",
        "hours": [float(x) for x in parts * grid.step_s / SECONDS_PER_HOUR],
        "arms": [_arm(label, arm, base_mj, parts, run.emissions_g) for label, arm in arms.items()],
    }


def _arm(
    label: str, arm: Replay, base_mj: int, parts: Any, emissions_g: Mapping[str, float]
) -> dict[str, Any]:
    mj = np.add.reduceat(arm.step_energy_mj.sum(axis=1), parts[:-1])
    watts = mj / 1_000 / (np.diff(parts) * arm.grid.step_s)
    values: dict[str, float] = {
        "energy_kwh": arm.energy_kwh,
        "saved_fraction": 1 - arm.total_mj / base_mj if base_mj else 0.0,
        "hosts_on_mean": float(arm.hosts_on.mean()),
        "migrations": arm.service.migrations,
        "unmet_fraction": arm.service.unmet_fraction,
        "overload_fraction": arm.service.overload_fraction,
    }
    if label in emissions_g:
        values["carbon_kg"] = g_to_kg(emissions_g[label])
    return {
        "label": visible(label),
        "values": values,
        "power_w": [round(float(w), 1) for w in watts],
    }


def _shown(values: Mapping[str, float], measure: Measure) -> str:
    if measure.key not in values:
        return ""
    value = values[measure.key]
    return percent(value) if measure.share else number(value)
