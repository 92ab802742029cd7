"""The report as one self-contained page: inline pictures and styles, no scripts, nothing fetched."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from collections import Counter
from collections.abc import Mapping
from importlib import resources
from typing import TYPE_CHECKING, Any

import numpy as np

from consolidate.plotting.ledger import CAUSES
from consolidate.plotting.text import decimals_for, number, visible
from consolidate.reporting.alternatives import missing_arms, slug
from consolidate.reporting.annual import CAVEATS
from consolidate.reporting.charts import draw_charts
from consolidate.reporting.doubt import Doubt, doubt_of
from consolidate.reporting.figure import Figure, duration
from consolidate.reporting.sensitivity import parameter_of, sensitivity_rows
from consolidate.reporting.tables import vm_name

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

    from consolidate.model.action import Action
    from consolidate.reporting.bundle import Report

__all__ = ["page_environment", "render", "template_text"]

#: Most actions listed on the page, from the start and from the end; ``plan.csv`` has them all.
FIRST_ACTIONS, LAST_ACTIONS = 10, 5

#: Rise of the share of CPU demand not delivered that is said at the top of the page.
WORTH_A_BANNER = 0.001

#: Notes on an intensity that are said where carbon is treated, but not at the top of the page.
_QUIET_NOTES = ("constant over time", "sha256 of the file")


def render(report: Report) -> str:
    """Return the page of a report."""
    css = template_text("report.css")
    figures, doubt = report.figures(), doubt_of(report)
    page = page_environment().get_template("report.html.j2")
    return page.render(
        css=_trusted(css),
        csp=_policy(css),
        figures=figures,
        **_numbers(figures),
        **_story(report),
        **_assumptions(report),
        **_provenance(report),
        **_account(report, doubt),
        actions=_actions(report),
        charts={
            name: {"svg": _trusted(chart.svg), "caption": chart.caption}
            for name, chart in draw_charts(report, doubt).items()
        },
    )


def page_environment() -> Environment:
    """Return the environment of our templates: everything is escaped, nothing may be undefined."""
    from jinja2 import Environment, FunctionLoader, StrictUndefined

    return Environment(
        loader=FunctionLoader(template_text),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )


def template_text(name: str) -> str:
    """Return a template, style sheet or script of the package."""
    folder = resources.files("consolidate.reporting").joinpath("templates")
    return folder.joinpath(name).read_text("utf-8").replace("\r\n", "\n")


def _trusted(text: str) -> Markup:
    """Mark text that this package wrote, not its users, as markup."""
    from markupsafe import Markup

    return Markup(text)  # noqa: S704 (style sheet from the package, SVG written by an XML writer)


def _policy(css: str) -> str:
    """Return the content security policy: nothing but our own style sheet and inline pictures."""
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _numbers(figures: tuple[Figure, ...]) -> dict[str, Any]:
    """Return the functions through which the template prints numbers, and no other way."""
    from markupsafe import Markup

    by_name = {f.metric: f for f in figures}
    band = Markup('<span class="i" data-interval="{}" data-low="{}" data-high="{}">{}</span>')
    template = Markup('<span class="n" data-metric="{}" data-value="{}">{}</span>')

    def n(metric: str, decimals: int | None = None, *, alike: bool = False) -> Markup:
        figure = by_name[metric]
        if alike:
            # Beside figures that have no interval, a rounder number would compare as another one.
            figure = dataclasses.replace(figure, low=None, high=None, interval="")
        text = figure.text() if decimals is None else figure.column_text(decimals=decimals)
        return template.format(figure.metric, repr(figure.value), text)

    def interval(metric: str) -> Markup:
        figure = by_name[metric]
        if not figure.interval:
            return Markup("")
        ends = repr(figure.low), repr(figure.high)
        return band.format(figure.metric, *ends, figure.interval_text())

    ledger = [f.value for f in figures if f.metric in ("energy_baseline_kwh", "energy_consolidated_kwh")]
    return {
        "n": n,
        "interval": interval,
        "figure": by_name.__getitem__,
        "has": lambda metric: metric in by_name,
        "causes": CAUSES,
        "ledger_decimals": decimals_for(ledger),
    }


def _story(report: Report) -> dict[str, Any]:
    """Return what the headline and the banners depend on."""
    result, before, after = report.result, report.before, report.after
    saved_mj = before.total_mj - after.total_mj
    # A result that advises against moving, with a plan that moves all the same, is not a success.
    if result is not None and not result.worthwhile and not report.plan.actions:
        outcome = "stay"
    else:
        outcome = "saved" if saved_mj > 0 else "even" if saved_mj == 0 else "lost"
    worse = after.service.unmet_fraction - before.service.unmet_fraction
    # Sites in one zone share an intensity: say it once.
    intensities = list({(i.zone, i.source): i for i in report.intensities}.values())
    notes = list(dict.fromkeys(note for i in intensities for note in i.notes))
    return {
        "outcome": outcome,
        "equal_arms": np.array_equal(before.step_energy_mj, after.step_energy_mj),
        "plan": report.plan,
        # A plan for emissions is not to be judged by its energy.
        "for_carbon": outcome != "stay"
        and result is not None
        and result.measure == "carbon"
        and report.emissions_g is not None
        and report.instance is not None,
        "window": duration(before.grid.duration_s),
        "start": f"{before.grid.start}Z".replace("T", " "),
        "stop": f"{before.grid.stop}Z".replace("T", " "),
        "labels": (visible(before.label), visible(after.label)),
        "worse_service": worse > WORTH_A_BANNER,
        "result": result,
        "best_bound": report.best_bound(),
        "instance": report.instance,
        "shift": report.shift,
        "report_bound": report.replay_bound,
        "missing_arms": missing_arms(report),
        "annual_caveats": CAVEATS,
        "intensities": intensities,
        "intensity": intensities[0] if intensities else None,
        "carbon_notes": notes,
        "carbon_warnings": [note for note in notes if not note.startswith(_QUIET_NOTES)],
        "has_carbon": report.emissions_g is not None,
        "emissions_include_pue": report.emissions_include_pue,
        "hindsight": report.instance.hindsight if report.instance else _manifest_hindsight(report),
    }


def _account(report: Report, doubt: Doubt | None) -> dict[str, Any]:
    """Return what the lines of the account and the doubts about them need beside figures."""
    market = report.account.market
    words = market.periods.words if market is not None else {"instrument": (), "evidence": ()}
    line = "location-based"
    if report.intensities:
        line += f", {report.intensities[0].kind}, {report.intensities[0].scope.replace('_', ' ')}"
    ranks = {} if doubt is None else {b.parameter.name: k for k, b in enumerate(doubt.bars, start=1)}
    return {
        "account": report.account,
        "doubt": doubt,
        "headline_line": line,
        "marginal": list({(i.zone, i.source): i for i in report.account.marginal}.values()),
        "contracts": list(dict.fromkeys(zip(words["instrument"], words["evidence"], strict=True))),
        "others": [(label, slug(label)) for label in report.others],
        "sensitivity": sensitivity_rows(doubt),
        "rank_of": lambda key: ranks.get(parameter_of(key), 0),
    }


def _manifest_hindsight(report: Report) -> bool:
    trace = (report.manifest or {}).get("trace")
    return bool(trace.get("hindsight")) if isinstance(trace, Mapping) else False


def _assumptions(report: Report) -> dict[str, Any]:
    instance = report.instance
    types, moves, rules = [], [], ""
    if instance is not None:
        types = list(enumerate(instance.fleet.types))
        moves = [
            (field.name, getattr(instance.moves, field.name))
            for field in dataclasses.fields(instance.moves)
        ]
        counts = Counter(type(rule).__name__.lower() for rule in instance.rules)
        rules = ", ".join(f"{number(k)} {name}" for name, k in sorted(counts.items()))
    return {
        "defaults": report.defaults(),
        "types": types,
        "move_settings": moves,
        "rules": rules,
        "sites": report.sites,
        "visible": visible,
    }


def _provenance(report: Report) -> dict[str, Any]:
    manifest = report.manifest or {}
    inputs = [
        {
            "name": _portable(str(row.get("name", ""))),
            "sha256": str(row.get("sha256", "")),
            "bytes": row.get("bytes"),
        }
        for row in report.manifest_rows("inputs")
    ]
    notes = manifest.get("notes")
    return {
        "manifest": manifest,
        "options": _options(manifest.get("options")),
        "command": _portable(str(manifest.get("command", ""))),
        "inputs": inputs,
        "repairs": report.manifest_rows("repairs"),
        "notes": [str(note) for note in notes] if isinstance(notes, list | tuple) else [],
    }


def _options(options: object) -> list[tuple[str, str]]:
    """Return the options that say something, groups of them one by one."""
    if not isinstance(options, Mapping):
        return []
    rows = []
    for key, value in options.items():
        if isinstance(value, Mapping):
            rows += [(f"{key}.{inner}", text) for inner, text in _options(value)]
        elif isinstance(value, bool):
            rows.append((str(key), str(value).lower()))
        elif value not in (None, "", [], ()):
            rows.append((str(key), _portable(str(value))))
    return rows


_ABSOLUTE = re.compile(r"(?<![\w.:/~])(?:[A-Za-z]:)?[/\\](?:[^\s'\"/\\]+[/\\])+")


def _portable(text: str) -> str:
    """Cut the folders of absolute paths: they say where, not what, and differ between machines."""
    return _ABSOLUTE.sub("", text)


def _actions(report: Report) -> dict[str, Any]:
    actions = report.plan.actions
    cut = len(actions) > FIRST_ACTIONS + LAST_ACTIONS + 3
    first = actions[:FIRST_ACTIONS] if cut else actions
    last = actions[-LAST_ACTIONS:] if cut else ()
    return {
        "first": [_action(a, report) for a in first],
        "last": [_action(a, report) for a in last],
        "left_out": number(len(actions) - len(first) - len(last)),
        "cut": cut,
    }


def _action(action: Action, report: Report) -> dict[str, str]:
    hosts = report.before.host_ids
    row = {"start": number(action.start_s), "end": number(action.end_s), "kind": action.kind}
    names = report.instance.vms.ids if report.instance is not None else None
    if action.kind in ("save", "restore"):
        host = visible(hosts[action.host])
        source, target = (host, "storage") if action.kind == "save" else ("storage", host)
        moved = number(action.image_mib)
        return row | {
            "vm": visible(vm_name(action.vm, names)), "source": source, "target": target, "moved": moved,
        }  # fmt: skip
    if action.kind != "migration":
        return row | {"vm": "", "source": "", "target": visible(hosts[action.host]), "moved": ""}
    return row | {
        "kind": f"{action.mode.replace('_', ' ')} move" + (" (parking)" if action.parking else ""),
        "vm": visible(vm_name(action.vm, names)),
        "source": visible(hosts[action.source]),
        "target": visible(hosts[action.target]),
        "moved": number(action.moved_mib),
    }
