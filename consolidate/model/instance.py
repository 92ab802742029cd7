"""One placement problem: who needs what, who offers what, who is where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.model._arrays import frozen
from consolidate.model.fleet import Default, Fleet
from consolidate.model.objective import EnergyBreakdown, JoulesOverHorizon
from consolidate.model.placement import Placement
from consolidate.model.rules import Interference, Online, Rule
from consolidate.model.stated import hosts_of_rules, stated_amounts, stated_issues
from consolidate.model.trace import VMs

if TYPE_CHECKING:
    from consolidate.migration import MoveSettings
    from consolidate.model.from_trace import Sizing
    from consolidate.model.trace import Trace

__all__ = ["Instance"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A placement problem in integers.

    Parameters
    ----------
    fleet
        The hosts.
    vms
        The VMs, in the order of the trace.
    resources
        Names of the resources, units included; the first is CPU demand in mcores.
    need
        What each VM takes of each resource, rounded up, shape ``(vms, resources)``.
    capacity
        What each host offers, rounded down, shape ``(hosts, resources)``.
    vm_overhead
        What each host takes on top for each of its VMs, shape ``(hosts, resources)``.
    load_mcores : mcores
        Expected mean CPU of each VM, for power; at most its CPU need; shape ``(vms,)``.
    current
        Present placement. An active VM on no host is new: it is placed without a migration.
    active
        VMs that exist at the moment of the decision, shape ``(vms,)``.
    movable
        VMs that some mode of migration can move, shape ``(vms,)``.
    move_mj : mJ
        Energy of moving each VM, both ends together, shape ``(vms,)``.
    rules
        Placement rules.
    objective
        What is minimised.
    moves
        Settings of every move.
    sizing
        How the needs were derived, in words, for the report.
    hindsight
        Whether the needs come from the window that is replayed afterwards.
    defaults
        What was assumed while the instance was built.
    """

    fleet: Fleet
    vms: VMs
    resources: tuple[str, ...]
    need: NDArray[np.int64]
    capacity: NDArray[np.int64]
    vm_overhead: NDArray[np.int64]
    load_mcores: NDArray[np.int64]
    current: Placement
    active: NDArray[np.bool_]
    movable: NDArray[np.bool_]
    move_mj: NDArray[np.int64]
    objective: JoulesOverHorizon
    moves: MoveSettings
    rules: tuple[Rule, ...] = ()
    sizing: str = "given"
    hindsight: bool = False
    defaults: tuple[Default, ...] = ()

    def __post_init__(self) -> None:
        v, h, r = len(self.vms), self.fleet.n_hosts, len(self.resources)
        issues = []
        for name, dtype, shape in (
            ("need", np.int64, (v, r)),
            ("capacity", np.int64, (h, r)),
            ("vm_overhead", np.int64, (h, r)),
            ("load_mcores", np.int64, (v,)),
            ("active", np.bool_, (v,)),
            ("movable", np.bool_, (v,)),
            ("move_mj", np.int64, (v,)),
        ):
            values = frozen(getattr(self, name), dtype, ndim=len(shape))
            object.__setattr__(self, name, values)
            if values.shape != shape:
                msg = f"needs shape {shape}, got {values.shape}"
                issues.append(Issue(path=f"instance.{name}", message=msg))
            elif dtype is np.int64 and values.size and values.min() < 0:
                issues.append(Issue(path=f"instance.{name}", message="needs 0 or more"))
        if not issues:
            amounts = stated_amounts(self.rules, self.resources, self.need, self.capacity)
            for name, values in zip(("need", "capacity"), amounts, strict=True):
                object.__setattr__(self, name, frozen(values, np.int64, ndim=2))
            issues = self._placement_issues() + self._rule_issues()
            issues = issues or stated_issues(self)
            for vm in np.flatnonzero(self.load_mcores > self.need[:, 0])[:20]:
                msg = f"load {self.load_mcores[vm]} mcores exceeds the need {self.need[vm, 0]} mcores"
                issues.append(Issue(path=f"instance.load_mcores[{self.vms.ids[vm]}]", message=msg))
        if issues:
            raise InstanceError(issues)

    def _placement_issues(self) -> list[Issue]:
        host_of = self.current.host_of
        if host_of.shape != (len(self.vms),):
            msg = f"needs {len(self.vms)} values, got {host_of.shape[0]}"
            return [Issue(path="instance.current", message=msg)]
        issues = []
        for vm in np.flatnonzero(host_of >= self.fleet.n_hosts)[:20]:
            path = f"current[{self.vms.ids[vm]}]"
            issues.append(Issue(path=path, message=f"there is no host {host_of[vm]}"))
        if not issues:
            on_off_host = (host_of >= 0) & ~self.fleet.powered_on[host_of]
            for vm in np.flatnonzero(on_off_host)[:20]:
                path = f"current[{self.vms.ids[vm]}]"
                host = self.fleet.host_ids[host_of[vm]]
                issues.append(Issue(path=path, message=f"is on host {host}, which is off"))
        for vm in np.flatnonzero(~self.active & (host_of >= 0))[:20]:
            path = f"current[{self.vms.ids[vm]}]"
            msg = f"is on host {host_of[vm]}, but the VM does not exist"
            issues.append(Issue(path=path, message=msg))
        return issues

    def _rule_issues(self) -> list[Issue]:
        issues = []
        for k, rule in enumerate(self.rules):
            others = rule.others if isinstance(rule, Interference) else ()
            last = max((*rule.vms[-1:], *others[-1:]), default=-1)
            if last >= len(self.vms):
                msg = f"there is no VM {last}"
                issues.append(Issue(path=f"rules[{k}].vms", message=msg))
            hosts = getattr(rule, "hosts", ())
            if hosts and not (min(hosts) >= 0 and max(hosts) < self.fleet.n_hosts):
                issues.append(Issue(path=f"rules[{k}].hosts", message="names a host that is not there"))
        return issues

    @classmethod
    def from_trace(
        cls,
        trace: Trace,
        fleet: Fleet,
        *,
        sizing: Sizing,
        horizon_s: int | None = None,
        current: Placement | None = None,
        rules: tuple[Rule, ...] = (),
        cpu_limit_fraction: float | None = None,
        moves: MoveSettings | None = None,
        hindsight: bool = False,
    ) -> Instance:
        """Build an instance from observed demand; see :func:`instance_from_trace`."""
        from consolidate.model.from_trace import instance_from_trace

        return instance_from_trace(
            trace,
            fleet,
            sizing=sizing,
            horizon_s=horizon_s,
            current=current,
            rules=rules,
            cpu_limit_fraction=cpu_limit_fraction,
            moves=moves,
            hindsight=hindsight,
        )

    def may_switch_off(self) -> NDArray[np.bool_]:
        """Say of each host whether a plan may switch it off, and whether the time off would pay."""
        pays = np.array([self.objective.off_pays(t) for t in self.fleet.types])
        may: NDArray[np.bool_] = self.fleet.may_switch_off() & pays[self.fleet.host_type]
        return may & ~hosts_of_rules(self.rules, Online, self.fleet.n_hosts)

    def stays_on(self) -> NDArray[np.bool_]:
        """Say of each host whether it is on and stays on, whatever it carries."""
        on: NDArray[np.bool_] = self.fleet.powered_on & ~self.may_switch_off()
        return on

    def energy(self, placement: Placement) -> EnergyBreakdown:
        """Return the modelled energy of a placement over the horizon, by cause."""
        return self.objective.breakdown(self, placement.host_of)

    def current_energy(self) -> EnergyBreakdown:
        """Return the modelled energy of doing nothing: every host that is on stays on."""
        return self.objective.breakdown(self, self.current.host_of, do_nothing=True)

    def carried_mib(self) -> NDArray[np.int64]:
        """Return what a move of each VM carries, sized or else as allocated, in MiB, shape ``(vms,)``."""
        name = "memory_demand_mib"
        sized = name in self.resources
        return self.need[:, self.resources.index(name)] if sized else self.vms.memory_mib

    def usage(self, placement: Placement) -> NDArray[np.int64]:
        """Return what the VMs of a placement take of each host, shape ``(hosts, resources)``."""
        used = np.zeros_like(self.capacity)
        placed = np.flatnonzero(placement.host_of >= 0)
        hosts = placement.host_of[placed]
        np.add.at(used, hosts, self.need[placed] + self.vm_overhead[hosts])
        return used

    def host_masks(self, *, over_others: bool = False) -> tuple[NDArray[np.int32], NDArray[np.bool_]]:
        """Return which hosts each VM may run on.

        Kind of guest, core speed, maintenance and the rules fence, ban and root are folded into it. A
        VM may always stay where it is unless a rule forbids that. An immovable VM may only stay.

        Parameters
        ----------
        over_others
            Count hosts to which a VM comes only by stopping at others on its way, too.

        Returns
        -------
        mask_of
            Row of each VM, shape ``(vms,)``.
        masks
            Distinct rows, shape ``(rows, hosts)``.
        """
        from consolidate.model.masks import host_masks

        return host_masks(self, over_others=over_others)
