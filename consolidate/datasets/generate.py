"""Generate a believable private cloud of any size: trace, fleet and rules.

Calibrated, not copied: no line of a real trace is in the result. What was aimed at, and is asserted by
the tests over several seeds (``docs/reference/generator.md`` has the numbers):

- Mean CPU is low and most VMs use little. Real clouds: 4.9 to 7.0 % mean in the three months of the
  Bitbrains Rnd trace, 9.3 to 12.4 % in ten days of PlanetLab; in the parts measured, 70 to 85 % of the
  VMs are below 20 %, and the median VM is below 7 %.
- Sizes follow the flavours of the Azure traces: about 70 % have one or two virtual CPUs.
- Newcomers live as measured on the arrivals of the Azure 2017 trace: 69 % end within an hour, 93 %
  within a day, with a heavy tail.
- Interactive load follows business hours and weekends, so total demand resembles itself after 24 hours.
- VMs of one application share a demand factor, so their demand is correlated; replicas of a tier must
  not share a host.

References
----------
Cortez, Bonde, Muzio, Russinovich, Fontoura, Bianchini: Resource Central. SOSP 2017,
doi:10.1145/3132747.3132772 (the Azure 2017 trace).
Shen, van Beek, Iosup: Statistical characterization of business-critical workloads hosted in cloud
datacenters. CCGrid 2015, doi:10.1109/CCGrid.2015.60 (the Bitbrains traces).
Beloglazov, Buyya: Optimal online deterministic algorithms. CCPE 2012, doi:10.1002/cpe.1867 (the use of
the PlanetLab traces).
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from consolidate.datasets import hosts as hosts_of
from consolidate.datasets.demand import business_hours, demand_of_block, driver_blocks
from consolidate.datasets.population import CLASSES, Population, draw_population
from consolidate.errors import ConfigError
from consolidate.model import Fleet, Placement, Rule, Spread, TimeGrid, Trace, VMs

__all__ = ["Dataset", "PrivateCloud", "generate"]

DAY_S = 86_400
#: 1 January 1970 was a Thursday; this is the Monday before.
MONDAY = np.datetime64("1969-12-29T00:00:00", "s")

#: Memory written per minute, as a share of what is allocated: busy and idle VMs.
DIRTY_PER_MINUTE, DIRTY_PER_MINUTE_IDLE = 0.05, 0.002
DIRTY_SPREAD = 0.6
#: A fleet of its own is sized so that demand and CPU allocation stay well inside it, too.
MOST_CPU_FILL = 0.5
MOST_FILL = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class PrivateCloud:
    """What to generate.

    Parameters
    ----------
    vms
        Number of VMs in the trace, those that come and go included; at least 10.
    days : d
        Length of the trace, at least one hour.
    hosts
        Number of hosts, at least 6; default as many as make the memory allocation fill
        ``fill_fraction``.
    step_s : s
        Length of a step, a divisor of a day.
    start
        First instant, UTC. The default is a Monday.
    zone
        Grid zone of the site.
    fill_fraction
        Share of the hosts' memory that is promised at the busiest moment.
    vcpu_mcores : mcores
        CPU allocation of one virtual CPU; at most the speed of the slowest host's core, 2,200.
    grouped_fraction
        Share of the VMs present from the start that belong to applications of several VMs.
    newcomer_fraction
        Share of the VMs that arrive after the start.
    departures_per_day : 1/d
        Rate at which VMs present from the start leave.
    """

    vms: int = 200
    days: float = 7.0
    hosts: int | None = None
    step_s: int = 300
    start: str = "2024-01-01T00:00:00"
    zone: str = "DE"
    fill_fraction: float = 0.4
    vcpu_mcores: int = 2_000
    grouped_fraction: float = 0.6
    newcomer_fraction: float = 0.15
    departures_per_day: float = 0.005

    def __post_init__(self) -> None:
        # 7 and 7.0 are one cloud, and have to be written as one.
        object.__setattr__(self, "days", float(self.days))
        slowest = hosts_of.slowest_core_mcores()
        for name, good, wanted in (
            ("vms", self.vms >= 10, "10 or more"),
            ("days", 1 / 24 <= self.days <= 3_660, "an hour (1/24) to ten years"),
            (
                "hosts",
                self.hosts is None or self.hosts >= hosts_of.LEAST_HOSTS,
                f"{hosts_of.LEAST_HOSTS} or more",
            ),
            ("step_s", 0 < self.step_s <= DAY_S and DAY_S % self.step_s == 0, "a divisor of a day"),
            ("fill_fraction", 0 < self.fill_fraction <= MOST_FILL, f"0 to {MOST_FILL}"),
            ("vcpu_mcores", 100 <= self.vcpu_mcores <= slowest, f"100 to {slowest}"),
            ("grouped_fraction", 0 <= self.grouped_fraction <= 1, "0 to 1"),
            ("newcomer_fraction", 0 <= self.newcomer_fraction <= 0.9, "0 to 0.9"),
            ("departures_per_day", 0 <= self.departures_per_day < math.inf, "0 or more"),
        ):
            if not good:
                msg = f"needs {wanted}, got {getattr(self, name)}"
                raise ConfigError(msg, path=f"private_cloud.{name}")
        try:
            self.start_time()
        except ValueError as error:
            msg = f"needs an instant such as 2024-01-01T00:00:00, got {self.start!r}"
            raise ConfigError(msg, path="private_cloud.start") from error

    def start_time(self) -> np.datetime64:
        """Return the first instant, UTC."""
        # numpy knows no time zones and warns of the letter that says UTC.
        return np.datetime64(self.start.removesuffix("Z"), "s")

    def __str__(self) -> str:
        options = [f"{f.name}={getattr(self, f.name)!r}" for f in fields(self)]
        return f"PrivateCloud({', '.join(options)})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A generated cloud.

    Parameters
    ----------
    trace, fleet, rules
        Demand, hosts and placement rules.
    cloud, seed
        What it was generated from.
    placement
        Present placement; ``None`` leaves it to the even spread.
    """

    trace: Trace
    fleet: Fleet
    rules: tuple[Rule, ...]
    cloud: PrivateCloud
    seed: int
    placement: Placement | None = None


def generate(cloud: PrivateCloud, seed: int = 0) -> Dataset:
    """Generate a private cloud; the same cloud and seed give the same bytes.

    Parameters
    ----------
    cloud
        What to generate.
    seed
        Seed of all randomness.

    Raises
    ------
    ConfigError
        When the number of hosts is given and they are too few for the VMs.
    """
    grid = TimeGrid(
        start=cloud.start_time(),
        step_s=cloud.step_s,
        n_steps=max(1, round(cloud.days * DAY_S / cloud.step_s)),
    )
    time_s = (grid.times() - MONDAY).astype(np.int64)
    crowd, sizes, *_ = _streams(seed, 2)
    population = draw_population(
        crowd,
        vms=cloud.vms,
        grouped_fraction=cloud.grouped_fraction,
        newcomer_fraction=cloud.newcomer_fraction,
        departures_per_day=cloud.departures_per_day,
        arrival_weight=0.3 + business_hours(time_s, np.zeros(1))[0],
        step_s=cloud.step_s,
    )
    vms = _vms(population, cloud, sizes)
    cpu, memory, alive = _demand(population, vms, time_s=time_s, step_s=cloud.step_s, seed=seed)
    trace = Trace(
        vms=vms,
        grid=grid,
        cpu_mcores=cpu,
        memory_mib=memory,
        alive=alive,
        format="generated",
        source=f"{cloud}, seed {seed}",
        sha256=_sha256(vms, cpu, memory, alive),
        notes=("synthetic: generated, not measured; calibration in docs/reference/generator.md",),
    )
    return Dataset(
        trace=trace,
        fleet=_fleet(trace, population, cloud, seed=seed),
        rules=tuple(Spread(vms=replicas) for replicas in population.replicas),
        cloud=cloud,
        seed=seed,
    )


def _streams(seed: int, key: int, count: int = 2) -> list[np.random.Generator]:
    children = np.random.SeedSequence(seed, spawn_key=(key,)).spawn(count)
    return [np.random.default_rng(child) for child in children]


def _vms(population: Population, cloud: PrivateCloud, rng: np.random.Generator) -> VMs:
    idle = population.class_of_driver[population.driver] == CLASSES.index("idle")
    per_minute = np.where(idle, DIRTY_PER_MINUTE_IDLE, DIRTY_PER_MINUTE)
    per_minute = per_minute * np.exp(DIRTY_SPREAD * rng.standard_normal(len(idle)))
    return VMs(
        ids=population.ids,
        vcpus=population.vcpus,
        cpu_mcores=population.vcpus.astype(np.int64) * cloud.vcpu_mcores,
        memory_mib=population.memory_mib,
        # Two decimals, as in the file: what is written reads back the same.
        dirty_mib_per_s=np.round(per_minute * population.memory_mib / 60, 2),
        groups=population.groups,
    )


def _demand(
    population: Population,
    vms: VMs,
    *,
    time_s: NDArray[np.int64],
    step_s: int,
    seed: int,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.bool_]]:
    """Return CPU in mcores, memory in MiB and existence, each read-only, shape ``(vms, steps)``."""
    shape = (len(vms), len(time_s))
    cpu, memory = np.empty(shape, dtype=np.int32), np.empty(shape, dtype=np.int32)
    step = np.arange(len(time_s))
    alive = (step >= population.first_step[:, None]) & (step < population.stop_step[:, None])
    blocks = driver_blocks(population, len(time_s))
    streams = _streams(seed, 3, len(blocks))
    for rng, (drivers, block) in zip(streams, blocks, strict=True):
        share, used = demand_of_block(
            rng, population, drivers=drivers, vms=block, time_s=time_s, step_s=step_s
        )
        cpu[block] = np.ceil(share * vms.cpu_mcores[block, None]) * alive[block]
        memory[block] = np.ceil(used * vms.memory_mib[block, None]) * alive[block]
    for array in (cpu, memory, alive):
        array.flags.writeable = False
    return cpu, memory, alive


def _fleet(trace: Trace, population: Population, cloud: PrivateCloud, *, seed: int) -> Fleet:
    """Return as many hosts as were asked for, or as the fill asks for."""
    mcores, memory_mib = hosts_of.mean_usable()
    n_alive = trace.alive.sum(axis=0, dtype=np.int64)
    promised = _promised(population, trace.vms.memory_mib + hosts_of.PER_VM_MEMORY_MIB, trace)
    promised_cpu = _promised(population, trace.vms.cpu_mcores, trace)
    demand = int(trace.cpu_mcores.sum(axis=0, dtype=np.int64).max())
    n_hosts = cloud.hosts
    if n_hosts is None:
        fullest = max(
            promised / (memory_mib * cloud.fill_fraction),
            promised_cpu / (mcores * hosts_of.CPU_ALLOCATION_RATIO * MOST_CPU_FILL),
            demand / (mcores * MOST_CPU_FILL),
        )
        replicas = max((len(r) for r in population.replicas), default=1)
        # One host more, because the one in maintenance takes no VM.
        n_hosts = 1 + max(math.ceil(fullest), hosts_of.LEAST_HOSTS - 1, replicas)
    elif promised > MOST_FILL * memory_mib * (n_hosts - 1):
        need = 1 + math.ceil(promised / (MOST_FILL * memory_mib))
        msg = f"{n_hosts} hosts are too few for {int(n_alive.max())} VMs at a time; needs {need} or more"
        raise ConfigError(msg, path="private_cloud.hosts")
    return hosts_of.build_fleet(
        n_hosts, zone=cloud.zone, source=f"generated for {cloud.vms} VMs, seed {seed}"
    )


def _promised(population: Population, allocation: NDArray[np.int64], trace: Trace) -> int:
    """Return the largest total allocation of VMs that exist at the same time."""
    change = np.zeros(trace.grid.n_steps + 1, dtype=np.int64)
    np.add.at(change, population.first_step, allocation)
    np.add.at(change, population.stop_step, -allocation)
    return int(change.cumsum().max())


def _sha256(vms: VMs, *arrays: NDArray[np.generic]) -> str:
    digest = hashlib.sha256("\n".join(vms.ids).encode())
    for values in (vms.cpu_mcores, vms.memory_mib, *arrays):
        digest.update(np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()
