"""Small consistent nouns to report on: a fleet, VMs, a plan, and both arms of a replay."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from consolidate.migration import MoveSettings
from consolidate.model import (
    LEDGER,
    Bound,
    CarbonIntensity,
    Default,
    Fleet,
    HostType,
    Instance,
    JoulesOverHorizon,
    Migration,
    MigrationPlan,
    Placement,
    Replay,
    Result,
    ServiceLevel,
    Shutdown,
    Site,
    SpecPower,
    TimeGrid,
    VMs,
    WattTable,
    spec_servers,
)

SLOT = 2  # shutdown of a host starts this many seconds after its last move
MOVE_S = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    instance: Instance
    plan: MigrationPlan
    before: Replay
    after: Replay
    result: Result
    intensity: CarbonIntensity
    manifest: dict


def make_case(
    *,
    n_hosts: int = 12,
    n_vms: int = 40,
    n_steps: int = 72,
    kept: int | None = None,
    host_ids: tuple[str, ...] | None = None,
    vm_ids: tuple[str, ...] | None = None,
    pues: tuple[float, ...] = (1.0,),
    moving: bool = True,
    scale: float = 1.0,
    hindsight: bool = False,
    parallel: int = 2,
    seed: int = 3,
) -> Case:
    """Make a case; with ``moving`` off the plan is empty and both arms are equal."""
    rng = np.random.default_rng(seed)
    kept = max(1, n_hosts // 3) if kept is None else kept
    fleet = _fleet(n_hosts, host_ids, pues, scale)
    grid = TimeGrid(start=np.datetime64("2011-03-03T06:00:00"), step_s=300, n_steps=n_steps)
    base = rng.integers(100, 700, n_vms)
    wave = (
        1
        + 0.6 * np.sin(np.arange(n_steps) / n_steps * 2 * np.pi - 1)
        + rng.normal(0, 0.15, (n_vms, n_steps))
    )
    demand = np.clip(base[:, None] * wave, 10, 2000).astype(np.int64)
    vms = VMs(
        ids=vm_ids or tuple(f"vm-{v:04d}" for v in range(n_vms)),
        vcpus=np.full(n_vms, 2),
        cpu_mcores=np.full(n_vms, 2000),
        memory_mib=rng.choice([2048, 4096, 8192], n_vms),
        dirty_mib_per_s=np.full(n_vms, 5.0),
    )
    current = Placement(host_of=np.arange(n_vms) % n_hosts)
    target_of = np.arange(n_vms) % kept if moving else np.array(current.host_of)
    instance = _instance(fleet, vms, demand, current, grid.duration_s, hindsight)
    plan = (
        _plan(instance, Placement(host_of=target_of), parallel)
        if moving
        else MigrationPlan.empty(current)
    )
    before = _replay("baseline", grid, instance, demand, MigrationPlan.empty(current))
    after = _replay("consolidated", grid, instance, demand, plan)
    return Case(
        instance=instance,
        plan=plan,
        before=before,
        after=after,
        result=make_result(plan.target, before.total_mj, after.total_mj),
        intensity=CarbonIntensity(
            grid=grid,
            g_per_kwh=np.full(n_steps, 380.0),
            zone="DE",
            kind="average",
            scope="life_cycle",
            source="Ember 2023, CC BY 4.0",
            notes=("re-dated: values of 2023-03-03 are used for 2011-03-03",),
        ),
        manifest=MANIFEST,
    )


MANIFEST: dict = {
    "schema_version": 1,
    "package": "consolidate",
    "version": "0.1.0",
    "command": "consolidate run 20110303 --out run",
    "options": {"percentile": 95, "format": None, "hindsight": False, "budget": {"iterations": 20_000}},
    "seed": 0,
    "trace": {
        "format": "planetlab",
        "source": "20110303",
        "sha256": "ab" * 32,
        "vms": 40,
        "steps": 144,
        "step_s": 300,
        "start_utc": "2011-03-03T00:00:00Z",
        "hindsight": False,
    },
    "windows": {"sizing": [0, 72], "replay": [72, 144]},
    "inputs": [{"name": "/home/someone/secret/20110303", "sha256": "ab" * 32, "bytes": 812345}],
    "defaults": [{"key": "cpu_limit_fraction", "value": "0.9", "source": "engineering judgement"}],
    "repairs": [{"name": "drop-duplicates", "count": 12, "detail": "rows that repeat a VM and a time"}],
    "notes": ["3 VMs leave before the end of the window"],
}  # fmt: skip


def make_result(target: Placement, before_mj: int, after_mj: int, **changes: object) -> Result:
    """Make a result with a certified bound a little under the objective."""
    bound = Bound(
        name="on-off Lagrangian", value_mj=int(after_mj * 0.97), kind="certified", source="consolidate"
    )
    result = Result(
        policy="auto",
        placement=target,
        objective_mj=after_mj,
        current_mj=before_mj,
        bounds=(bound,),
        status="feasible",
        stopped="local optimum",
        worthwhile=True,
        seed=0,
        runtime_s=1.0,
    )
    return replace(result, **changes)  # type: ignore[arg-type]


def swapped(case: Case) -> Case:
    """Exchange the arms' energies: the plan costs more than it saves."""
    before = replace(case.after, label="baseline", service=case.before.service)
    after = replace(case.before, label="consolidated", service=case.after.service)
    return replace(case, before=before, after=after)


def _fleet(n: int, host_ids: tuple[str, ...] | None, pues: tuple[float, ...], scale: float) -> Fleet:
    server = spec_servers()[sorted(spec_servers())[0]]
    kinds = []
    for name, factor, source in (
        ("blade-a", 1.0, f"SPECpower_ssj2008, {server.system}, {server.result}"),
        ("blade-b", 1.2, "given"),
    ):
        table = WattTable.sample(SpecPower(server=server.name))
        table = WattTable(
            points_mw=tuple(int(p * factor * scale) for p in table.points_mw),
            hosting_idle_mw=int(table.hosting_idle_mw * factor * scale),
        )
        kinds.append(
            HostType(
                name=name,
                cores=16,
                memory_mib=131_072,
                power=table,
                power_source=source,
                boot_j=30_000.0,
                shutdown_j=6_000.0,
            )
        )
    return Fleet(
        host_ids=host_ids or tuple(f"host-{h:04d}" for h in range(n)),
        host_type=np.arange(n) % 2,
        types=tuple(kinds),
        sites=tuple(Site(name=f"site-{k}", zone="DE", pue=pue) for k, pue in enumerate(pues)),
        host_site=np.arange(n) % len(pues),
        defaults=(
            Default(key="off_w", value="12 W", source="management controller of current servers"),
        ),
        source="built-in fleet",
    )


def _instance(
    fleet: Fleet, vms: VMs, demand: np.ndarray, current: Placement, horizon_s: int, hindsight: bool
) -> Instance:
    cpu = np.percentile(demand, 95, axis=1).astype(np.int64) + 1
    need = np.stack([cpu, vms.memory_mib // 2], axis=1)
    capacity = np.stack(
        [fleet.per_host("usable_mcores") * 9 // 10, fleet.per_host("usable_memory_mib")], axis=1
    )
    return Instance(
        fleet=fleet,
        vms=vms,
        resources=("cpu_demand_mcores", "memory_demand_mib"),
        need=need,
        capacity=capacity,
        vm_overhead=np.zeros_like(capacity),
        load_mcores=np.minimum(demand.mean(axis=1).astype(np.int64), cpu),
        current=current,
        active=np.ones(len(vms), dtype=bool),
        movable=np.ones(len(vms), dtype=bool),
        move_mj=np.full(len(vms), 40_000_000),
        objective=JoulesOverHorizon(horizon_s=horizon_s),
        moves=MoveSettings(),
        sizing="95th percentile of the first 6 h",
        hindsight=hindsight,
        defaults=(Default(key="cpu_limit_fraction", value="0.9", source="engineering judgement"),),
    )


def _plan(instance: Instance, target: Placement, parallel: int) -> MigrationPlan:
    """Move in a fixed rhythm, ``parallel`` at a time, and switch each host off once it is empty."""
    actions: list = []
    last: dict[int, int] = {}
    sources = instance.current.host_of
    movers = sorted(target.moved_from(instance.current), key=lambda v: (-sources[v], v))
    for k, v in enumerate(movers):
        start = (k // parallel) * MOVE_S
        last[int(sources[v])] = start + MOVE_S
        actions.append(
            Migration(
                id=k,
                vm=int(v),
                source=int(sources[v]),
                target=int(target.host_of[v]),
                mode="live",
                start_s=start,
                end_s=start + MOVE_S,
                downtime_ms=300,
                moved_mib=int(instance.vms.memory_mib[v]),
                rate_mib_per_s=476.8,
                overhead_mcores=400,
            )
        )
    n = len(actions)
    for k, (host, end) in enumerate(sorted(last.items())):
        if not (target.host_of == host).any():
            actions.append(Shutdown(id=n + k, host=host, start_s=end + SLOT, end_s=end + SLOT + 60))
    return MigrationPlan(actions=tuple(actions), current=instance.current, target=target)


def _replay(
    label: str, grid: TimeGrid, instance: Instance, demand: np.ndarray, plan: MigrationPlan
) -> Replay:
    """Replay in a rough way; what matters is that all tables of the arm agree."""
    fleet, n_hosts, n_steps, step = instance.fleet, instance.fleet.n_hosts, grid.n_steps, grid.step_s
    edges = np.arange(n_steps) * step

    def overlap(start: int, end: int) -> np.ndarray:
        return np.clip(np.minimum(end, edges + step) - np.maximum(start, edges), 0, None)

    load, moving = np.zeros((n_hosts, n_steps)), np.zeros((n_hosts, n_steps))
    residency, end_all = [], grid.duration_s
    moves = {m.vm: m for m in plan.migrations}
    for v, host in enumerate(instance.current.host_of):
        move = moves.get(v)
        parts = [(int(host), 0, move.end_s if move else end_all)]
        if move:
            parts.append((move.target, move.end_s, end_all))
            for h in (move.source, move.target):
                moving[h] += move.overhead_mcores * overlap(move.start_s, move.end_s)
        for h, start, end in parts:
            load[h] += demand[v] * overlap(start, end)
            residency.append((v, h, start, end))
    off = {a.host: a for a in plan.shutdowns}
    energy = np.zeros((n_hosts, n_steps, len(LEDGER)), dtype=np.int64)
    utilization = np.full((n_hosts, n_steps), np.nan, dtype=np.float32)
    on = np.zeros((n_hosts, n_steps), dtype=np.int64)
    states = []
    for h in range(n_hosts):
        kind, down = fleet.types[fleet.host_type[h]], off.get(h)
        times = (down.start_s, down.end_s) if down else (end_all, end_all)
        for state, start, end in ((0, 0, times[0]), (2, *times), (3, times[1], end_all)):
            if end > start:
                states.append((h, state, start, end))
        s_on, s_down = overlap(0, times[0]), overlap(*times)
        on[h] = s_on
        for k in np.flatnonzero(s_on):
            idle, full = kind.power.hosting_idle_mw, kind.power.points_mw[-1]
            share = load[h, k] / s_on[k] / kind.cpu_mcores
            utilization[h, k] = min(share, 1.0)
            slope = (full - idle) / kind.cpu_mcores
            energy[h, k, 0] = idle * s_on[k]
            energy[h, k, 1] = round(slope * load[h, k])
            energy[h, k, 2] = round(slope * moving[h, k])
        energy[h, :, 4] = kind.shutdown_mw * s_down
        energy[h, :, 5] = kind.off_mw * overlap(times[1], end_all)
    total = int(demand.sum()) * step
    unmet = (0 * edges if not plan.actions else np.where(edges < plan.makespan_s, 4_000, 0)).astype(
        np.int64
    )
    return Replay(
        label=label,
        grid=grid,
        host_ids=fleet.host_ids,
        energy_mj=energy.sum(axis=1),
        step_energy_mj=energy.sum(axis=0),
        site_energy_mj=np.array(
            [energy[fleet.host_site == k].sum(axis=(0, 2)) for k in range(len(fleet.sites))]
        ),
        moves=tuple(sorted(plan.migrations, key=lambda m: (m.end_s, m.id))),
        hosts_on=(
            np.array(
                [[not (h in off and off[h].start_s < e + step) for e in edges] for h in range(n_hosts)]
            )
        ).sum(axis=0),
        utilization=utilization,
        step_unmet_mcore_s=unmet,
        residency=np.array(residency).reshape(-1, 4),
        host_states=np.array(states),
        service=ServiceLevel(
            demand_mcore_s=total,
            unmet_mcore_s=int(unmet.sum()),
            overload_host_s=60 if plan.actions else 0,
            on_host_s=int(on.sum()),
            memory_overcommit_host_s=0,
            downtime_ms=300 * len(plan.migrations),
            waiting_vm_s=0,
            migrations=len(plan.migrations),
            skipped_migrations=0,
            cancelled_shutdowns=0,
            power_cycles=len(plan.shutdowns),
        ),
    )


def make_report(case: Case, **changes: object) -> object:
    """Make the report of a case, with everything there is to report; ``changes`` replace parts."""
    from consolidate.reporting import Report

    parts: dict = {
        "plan": case.plan,
        "result": case.result,
        "instance": case.instance,
        "intensities": (case.intensity,) * len(case.before.site_energy_mj),
        "emissions_g": {
            "baseline": case.before.energy_kwh * 380.0,
            "consolidated": case.after.energy_kwh * 380.0,
        },
        "manifest": case.manifest,
    }
    return Report(case.before, case.after, **{**parts, **changes})


HOSTILE = (
    "</script><img src=x onerror=alert(1)>",
    "\u202egnp.exe",
    "=cmd|' /C calc'!A0",
    "javascript:alert(1)",
    "$x^2$ {{ 7*7 }}",
    "x" * 5000,
    "a\x00b\n\tc",
    "\ud800 lone",
    "\u65e5\u672c\u8a9e",
    '" onload="alert(1)',
)
