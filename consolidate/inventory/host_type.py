"""Build a host type from its table, with documented defaults for what is absent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, TypeVar

from consolidate.errors import InstanceError, Issue, UnknownNameError
from consolidate.inventory import assumptions as assumed
from consolidate.inventory.assumptions import HYPERVISORS, Assumptions, HypervisorKind
from consolidate.model import (
    HostType,
    Hypervisor,
    LinearPower,
    PiecewisePower,
    PowerModel,
    SpecPower,
    WattTable,
    spec_servers,
)
from consolidate.units import MCORES_PER_CORE, MIB_PER_GIB, gib_to_mib

if TYPE_CHECKING:
    from consolidate.inventory.fleet_schema import HostTypeTable, HypervisorTable, PowerTable

__all__ = ["build_host_type"]

T = TypeVar("T")

MIN_MEMORY_MIB = 1_024
MAX_MEMORY_MIB = 100 * 1_024 * 1_024
MAX_CORE_SPEED = 10.0


def build_host_type(
    table: HostTypeTable, notes: Assumptions, *, problems: list[Issue]
) -> HostType | None:
    """Build a host type, recording the defaults used and every problem found.

    Parameters
    ----------
    table
        The decoded table.
    notes
        Receives the defaults that were used.
    problems
        Receives what is wrong.

    Returns
    -------
    The type, or ``None`` when it has a problem.
    """
    path = f"host_types[{table.name}]"
    before = len(problems)
    power = _power(table.power, notes, path=path, problems=problems)
    size = _size(table, notes, path=path, problems=problems)
    nic = _nic(table, notes, path=path, problems=problems)
    if len(problems) > before or power is None or size is None:
        return None
    cores, core_speed, memory_mib = size
    watts, power_source = power
    off_w, boot_s, boot_j, shutdown_s, shutdown_j = _transitions(table, watts, notes, path=path)
    cpu_ratio, memory_ratio = _ratios(table, notes, path=path)
    hypervisor = _hypervisor(table.hypervisor, notes, path=path, size=size)
    problems += _hypervisor_problems(hypervisor, path=f"{path}.hypervisor")
    if len(problems) > before:
        return None
    try:
        return HostType(
            name=table.name,
            cores=cores,
            core_speed=core_speed,
            memory_mib=memory_mib,
            power=watts,
            power_source=power_source,
            nic_mbit_per_s=nic,
            off_w=off_w,
            boot_s=boot_s,
            boot_j=boot_j,
            shutdown_s=shutdown_s,
            shutdown_j=shutdown_j,
            cpu_allocation_ratio=cpu_ratio,
            memory_allocation_ratio=memory_ratio,
            embodied_kg=table.embodied_kg,
            min_on_s=table.min_on_s,
            min_off_s=table.min_off_s,
            max_cycles_per_day=table.max_cycles_per_day,
            hypervisor=hypervisor,
        )
    except InstanceError as error:
        problems.extend(error.issues)
        return None


def _power(
    table: PowerTable, notes: Assumptions, *, path: str, problems: list[Issue]
) -> tuple[WattTable, str] | None:
    given = [k for k in ("spec", "linear", "points_w") if getattr(table, k) is not None]
    path = f"{path}.power"
    if len(given) != 1:
        msg = f"needs exactly one of spec, linear, points_w; got {', '.join(given) or 'none'}"
        problems.append(Issue(path=path, message=msg))
        return None
    try:
        model, source = _power_model(table)
        watts = WattTable.sample(model, hosting_idle_w=table.hosting_idle_w)
    except UnknownNameError as error:
        problems.append(Issue(path=f"{path}.spec", message=str(error)))
        return None
    except InstanceError as error:
        problems += [Issue(path=f"{path}.{given[0]}", message=i.message) for i in error.issues]
        return None
    idle_w, max_w = watts.points_mw[0] / 1_000, watts.points_mw[-1] / 1_000
    if idle_w >= max_w:
        msg = f"idle ({idle_w:g} W) needs to be below full load ({max_w:g} W)"
        problems.append(Issue(path=f"{path}.{given[0]}", message=msg))
        return None
    if table.hosting_idle_w is not None and not idle_w <= table.hosting_idle_w <= max_w:
        msg = f"needs {idle_w:g} W (idle) to {max_w:g} W (full load), got {table.hosting_idle_w:g} W"
        problems.append(Issue(path=f"{path}.hosting_idle_w", message=msg))
        return None
    notes.take(
        f"{path}.hosting_idle_w",
        table.hosting_idle_w,
        watts.hosting_idle_mw / 1_000,
        source="line through the 10 % and 20 % points, extended to zero load: guests prevent deep sleep",
    )
    return watts, table.source or source


def _power_model(table: PowerTable) -> tuple[PowerModel, str]:
    if table.spec is not None:
        return SpecPower(server=table.spec), spec_servers()[table.spec].citation()
    if table.linear is not None:
        model = LinearPower(idle_w=table.linear.idle_w, max_w=table.linear.max_w)
        return model, "straight line between the idle and the maximum power given"
    return PiecewisePower(points_w=tuple(table.points_w or ())), "eleven points given"


def _size(
    table: HostTypeTable, notes: Assumptions, *, path: str, problems: list[Issue]
) -> tuple[int, float, int] | None:
    """Return cores, core speed and memory in MiB."""
    server = spec_servers().get(table.power.spec or "")
    before = len(problems)
    if table.cores is None and server is None:
        problems.append(Issue(path=f"{path}.cores", message="is missing"))
    if table.memory_gib is not None and table.memory_mib is not None:
        msg = "is given twice, as memory_gib and as memory_mib"
        problems.append(Issue(path=f"{path}.memory_mib", message=msg))
    memory_mib = table.memory_mib
    if table.memory_gib is not None:
        memory_mib = gib_to_mib(table.memory_gib)
    elif memory_mib is None and server is None:
        problems.append(Issue(path=f"{path}.memory_gib", message="is missing"))
    if len(problems) > before:
        return None
    cores = notes.take(
        f"{path}.cores",
        table.cores,
        server.cores if server else 0,
        source="cores of the server of the SPECpower result",
    )
    memory_mib = notes.take(
        f"{path}.memory_mib",
        memory_mib,
        gib_to_mib(server.memory_gib) if server else 0,
        source="memory of the server of the SPECpower result, which is lean: production hosts have more",
    )
    ghz = server.nominal_ghz if server else None
    core_speed = notes.take(
        f"{path}.core_speed",
        table.core_speed,
        ghz or 1.0,
        source="nominal clock of the processor in GHz; the reference core has 1 GHz"
        if ghz
        else "cores are taken for reference cores",
    )
    if not MIN_MEMORY_MIB <= memory_mib <= MAX_MEMORY_MIB:
        key = "memory_mib" if table.memory_gib is None else "memory_gib"
        msg = f"needs 1 GiB to 100 TiB, got {memory_mib / MIB_PER_GIB:g} GiB"
        problems.append(Issue(path=f"{path}.{key}", message=msg))
    if cores < 1:
        problems.append(Issue(path=f"{path}.cores", message=f"needs 1 or more, got {cores}"))
    if not 0 < core_speed <= MAX_CORE_SPEED:
        msg = f"counts cores of 1 GHz: needs 0 to {MAX_CORE_SPEED:g}, above 0, got {core_speed:g}"
        problems.append(Issue(path=f"{path}.core_speed", message=msg))
    return (cores, core_speed, memory_mib) if len(problems) == before else None


def _nic(table: HostTypeTable, notes: Assumptions, *, path: str, problems: list[Issue]) -> float:
    if table.nic_gbit_per_s is not None and table.nic_mbit_per_s is not None:
        msg = "is given twice, as nic_gbit_per_s and as nic_mbit_per_s"
        problems.append(Issue(path=f"{path}.nic_mbit_per_s", message=msg))
    given = table.nic_mbit_per_s
    if table.nic_gbit_per_s is not None:
        given = table.nic_gbit_per_s * 1_000
    return notes.take(
        f"{path}.nic_mbit_per_s",
        given,
        assumed.NIC_MBIT_PER_S,
        source="engineering judgement: 10 Gbit/s is common in current servers",
    )


def _transitions(
    table: HostTypeTable, watts: WattTable, notes: Assumptions, *, path: str
) -> tuple[float, int, float, int, float]:
    """Return off power, and seconds and joules of boot and shutdown."""
    boot_s = notes.take(
        f"{path}.boot_s",
        table.boot_s,
        assumed.BOOT_S,
        source="engineering judgement: self-test of a two-socket server takes 3 to 10 minutes",
    )
    shutdown_s = notes.take(
        f"{path}.shutdown_s",
        table.shutdown_s,
        assumed.SHUTDOWN_S,
        source="engineering judgement: 6 s measured on a bare host, services need longer",
    )
    off_w = notes.take(
        f"{path}.off_w",
        table.off_w,
        assumed.OFF_W,
        source="engineering judgement: management controller and standby supply, 8 to 20 W",
    )
    # The sampled points hold exactly these two utilisations, so no model has to be asked again.
    boot_w = watts.points_mw[round(assumed.BOOT_UTILIZATION * 10)] / 1_000
    shutdown_w = watts.points_mw[round(assumed.SHUTDOWN_UTILIZATION * 10)] / 1_000
    boot_j = notes.take(
        f"{path}.boot_j",
        table.boot_j,
        boot_w * boot_s,
        source="power at 40 % load during the boot; 1.3 times idle was measured on Grid'5000 Taurus",
    )
    shutdown_j = notes.take(
        f"{path}.shutdown_j",
        table.shutdown_j,
        shutdown_w * shutdown_s,
        source="power at 10 % load during the shutdown",
    )
    return off_w, boot_s, boot_j, shutdown_s, shutdown_j


def _ratios(table: HostTypeTable, notes: Assumptions, *, path: str) -> tuple[float, float]:
    """Return how much CPU and memory may be promised per unit of usable capacity."""
    cpu = notes.take(
        f"{path}.cpu_allocation_ratio",
        table.cpu_allocation_ratio,
        assumed.CPU_ALLOCATION_RATIO,
        source="engineering judgement: CPU allocations are rarely used together, and demand binds too",
    )
    memory = notes.take(
        f"{path}.memory_allocation_ratio",
        table.memory_allocation_ratio,
        assumed.MEMORY_ALLOCATION_RATIO,
        source="memory is not promised twice: a host out of memory stops its guests",
    )
    return cpu, memory


def _hypervisor(
    table: HypervisorTable | None,
    notes: Assumptions,
    *,
    path: str,
    size: tuple[int, float, int],
) -> Hypervisor:
    from consolidate.inventory.fleet_schema import HypervisorTable as Table

    table = table or Table()
    cores, core_speed, memory_mib = size
    kind: HypervisorKind = notes.take(
        f"{path}.hypervisor.kind",
        table.kind,
        "type1",
        source="hypervisor on the metal, the common case",
    )
    base = HYPERVISORS[kind]

    def take(key: str, given: T | None, default: T, *, source: str = base.basis) -> T:
        return notes.take(f"{path}.hypervisor.{key}", given, default, source=source)

    reserved_cores = take(
        "reserved_cores",
        table.reserved_cores,
        max(base.reserved_share * cores, base.reserved_least_cores),
    )
    # Never more than what was reserved: who reserves nothing has nothing running.
    busy_cores = min(base.background_share * cores, reserved_cores)
    background_cores = take("background_cores", table.background_cores, busy_cores)
    memory_gib = take(
        "reserved_memory_gib",
        table.reserved_memory_gib,
        min(base.reserved_memory_mib, memory_mib // 4) / MIB_PER_GIB,
    )
    moves = None if table.moves is None else frozenset(table.moves)
    return Hypervisor(
        kind=kind,
        reserved_mcores=_mcores(reserved_cores * core_speed),
        reserved_memory_mib=math.ceil(memory_gib * MIB_PER_GIB - 1e-6),
        per_vm_mcores=take(
            "per_vm_mcores",
            table.per_vm_mcores,
            0,
            source="CPU measured by a hypervisor already includes what it spends on the guest",
        ),
        per_vm_memory_mib=take("per_vm_memory_mib", table.per_vm_memory_mib, base.per_vm_memory_mib),
        background_mcores=_mcores(background_cores * core_speed),
        moves=take("moves", moves, base.moves),
    )


def _mcores(reference_cores: float) -> int:
    """Round what is taken from a capacity up."""
    return math.ceil(reference_cores * MCORES_PER_CORE - 1e-6)


def _hypervisor_problems(hypervisor: Hypervisor, *, path: str) -> list[Issue]:
    found = [
        Issue(path=f"{path}.{key}", message=f"needs 0 or more, got {value}")
        for key, value in (
            ("reserved_cores", hypervisor.reserved_mcores),
            ("background_cores", hypervisor.background_mcores),
            ("reserved_memory_gib", hypervisor.reserved_memory_mib),
            ("per_vm_memory_mib", hypervisor.per_vm_memory_mib),
            ("per_vm_mcores", hypervisor.per_vm_mcores),
        )
        if value < 0
    ]
    if not hypervisor.moves:
        msg = "needs at least one of live, saved_state, restart; leave it out for the default"
        found.append(Issue(path=f"{path}.moves", message=msg))
    return found
