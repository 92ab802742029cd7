"""The report of a consolidation: what it saves, what it costs, and what that rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from consolidate.errors import InstanceError, Issue
from consolidate.model.fleet import Default, Site
from consolidate.reporting.account import Account
from consolidate.reporting.collect import collect
from consolidate.reporting.figure import Figure
from consolidate.reporting.files import write_files

if TYPE_CHECKING:
    from consolidate.model.carbon import CarbonIntensity
    from consolidate.model.instance import Instance
    from consolidate.model.plan import MigrationPlan
    from consolidate.model.replay import Replay
    from consolidate.model.result import Bound, Result

__all__ = ["Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """Two replays of one trace, the plan between them, and where everything comes from.

    Parameters
    ----------
    before, after
        The arms ``baseline`` and ``consolidated``, over the same steps and hosts.
    plan
        What was done in the consolidated arm.
    result
        Outcome of the solve, with its bound; without it nothing is said about optimality.
    instance
        Gives names, power curves, sizing, assumptions and sites.
    intensities
        Carbon intensity of each site, behind ``emissions_g``; all of one kind and scope.
    emissions_g : g
        Operational emissions in the arms ``baseline`` and ``consolidated``.
    emissions_include_pue
        Whether ``emissions_g`` counts the facility's energy and not only the IT energy.
    sites
        Sites with their PUE; default those of the instance.
    pue_variable_fraction
        Part of a facility's losses that follows the IT power, for the marginal figure.
    manifest
        ``manifest.json`` of the run folder: command, version, seed, inputs, repairs, notes, defaults.
    account
        What the lines beside the location-based one rest on; default only what the run knows.
    trace_rows
        Rows of demand that were read; ``None`` when not known.
    others
        Further arms by label, over the same steps and hosts, such as a simple policy.
    shift
        ``shift.json`` of the run folder, where work was shifted in time.
    replay_bound
        ``replay_bound.json`` of the run folder: energy that no policy undercuts in the replay.

    Raises
    ------
    InstanceError
        When the parts do not belong together; lists all issues.
    InfeasibleError
        When the result is infeasible: there is nothing to report on.
    """

    before: Replay
    after: Replay
    _: KW_ONLY
    plan: MigrationPlan
    result: Result | None = None
    instance: Instance | None = None
    intensities: tuple[CarbonIntensity, ...] = ()
    emissions_g: Mapping[str, float] | None = None
    emissions_include_pue: bool = False
    sites: tuple[Site, ...] = ()
    pue_variable_fraction: float = 0.5
    manifest: Mapping[str, object] | None = None
    account: Account = field(default_factory=Account)
    trace_rows: int | None = None
    others: Mapping[str, Replay] = field(default_factory=dict)
    shift: Mapping[str, object] | None = None
    replay_bound: Mapping[str, object] | None = None

    def __post_init__(self) -> None:
        if not self.sites and self.instance is not None:
            object.__setattr__(self, "sites", self.instance.fleet.sites)
        issues = [*self._arm_issues(), *self._plan_issues()]
        if issues:
            raise InstanceError(issues)
        if self.result is not None:
            self.result.raise_if_infeasible()

    def _arm_issues(self) -> list[Issue]:
        issues = []
        before, after = self.before, self.after
        if before.grid != after.grid:
            msg = f"covers {after.grid}, the baseline {before.grid}; a saving needs the same steps"
            issues.append(Issue(path="report.after.grid", message=msg))
        if before.host_ids != after.host_ids:
            msg = "names other hosts than the baseline"
            issues.append(Issue(path="report.after.host_ids", message=msg))
        if self.emissions_g is not None:
            issues += [
                Issue(path=f"report.emissions_g.{arm}", message="is missing, in grams")
                for arm in ("baseline", "consolidated")
                if arm not in self.emissions_g
            ]
        for label, replay in self.others.items():
            if replay.grid != before.grid or replay.host_ids != before.host_ids:
                msg = "has other steps or hosts than the baseline; a saving needs the same"
                issues.append(Issue(path=f"report.others[{label}]", message=msg))
        if not 0.0 <= self.pue_variable_fraction <= 1.0:
            msg = f"needs a value from 0 to 1, got {self.pue_variable_fraction}"
            issues.append(Issue(path="report.pue_variable_fraction", message=msg))
        counts = {len(replay.site_energy_mj) for replay in (before, after)}
        marginal = self.account.marginal
        for name, values in (
            ("sites", self.sites),
            ("intensities", self.intensities),
            ("account.marginal", marginal),
        ):
            if values and counts != {len(values)}:
                msg = f"needs one for each site of the replays ({sorted(counts)}), got {len(values)}"
                issues.append(Issue(path=f"report.{name}", message=msg))
        if len({(i.kind, i.scope) for i in self.intensities}) > 1:
            msg = "mixes kinds or scopes, which never add up to one figure"
            issues.append(Issue(path="report.intensities", message=msg))
        return issues

    def _plan_issues(self) -> list[Issue]:
        issues = []
        n_hosts = len(self.before.host_ids)
        n_vms = self.plan.current.host_of.size
        if self.instance is not None:
            fleet = self.instance.fleet
            if fleet.host_ids != self.before.host_ids:
                issues.append(Issue(path="report.instance", message="has other hosts than the replays"))
            if len(self.instance.vms) != n_vms:
                msg = f"has {len(self.instance.vms)} VMs, the plan {n_vms}"
                issues.append(Issue(path="report.instance", message=msg))
        for action in self.plan.actions:
            if action.kind == "migration":
                known = 0 <= action.vm < n_vms
                hosts: tuple[int, ...] = (action.source, action.target)
            else:
                known, hosts = True, (action.host,)
            if not known or not all(0 <= h < n_hosts for h in hosts):
                msg = "names a host or VM that the replays do not have"
                issues.append(Issue(path=f"report.plan.actions[{action.id}]", message=msg))
        return issues

    def figures(self) -> tuple[Figure, ...]:
        """Return every number of the report, in one list; all outputs print from it."""
        return collect(self)

    def defaults(self) -> tuple[Default, ...]:
        """Return everything that was assumed, each once, whoever assumed it."""
        found: dict[tuple[str, str], Default] = {}
        if self.instance is not None:
            for default in (*self.instance.fleet.defaults, *self.instance.defaults):
                found.setdefault((default.key, default.value), default)
        for row in self.manifest_rows("defaults"):
            key, value = str(row.get("key", "")), str(row.get("value", ""))
            default = Default(key=key, value=value, source=str(row.get("source", "")))
            found.setdefault((key, value), default)
        return tuple(found.values())

    def best_bound(self) -> Bound | None:
        """Return the highest lower bound of the result, if there is one."""
        bounds = self.result.bounds if self.result is not None else ()
        return max(bounds, key=lambda b: b.value_mj, default=None)

    def manifest_rows(self, key: str) -> list[Mapping[str, object]]:
        """Return the tables of a list in the manifest; what is not a table is passed over."""
        rows = (self.manifest or {}).get(key)
        return (
            [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list | tuple) else []
        )

    def html(self) -> str:
        """Return the page: self-contained, without scripts."""
        from consolidate.reporting.html import render

        return render(self)

    def write(
        self, folder: str | Path, *, formats: Sequence[str] = ("html", "csv", "json")
    ) -> tuple[Path, ...]:
        """Write the report, and beside it what its account rests on.

        Files that an earlier report has left there in other formats are removed.
        Each file appears whole or not at all, and the same report gives the same bytes.

        Parameters
        ----------
        folder
            Made if it is not there.
        formats
            Some of :data:`FORMATS`; ``csv`` writes ``figures.csv`` and ``plan.csv``. ``figures.json`` is
            always written.

        Returns
        -------
        paths
            Of the files, in the order of the formats, then ``account.json`` and ``account.parquet``.

        Raises
        ------
        UnknownNameError
            When there is no such format; nothing is written then.
        """
        from consolidate.reporting.formats import contents, earlier_files

        files, folder = contents(self, formats), Path(folder)
        stale = earlier_files(folder) - files.keys()
        paths = write_files(folder, files)
        # What an earlier report left in other formats would contradict this one.
        for name in stale:
            (folder / name).unlink(missing_ok=True)
        return paths
