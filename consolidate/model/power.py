"""Power of a host as a function of its CPU utilisation.

A power model is anything with ``power_w(utilization)``. Kernels, solvers and checks read only the
:class:`WattTable` that is sampled from it once: eleven points in whole milliwatts, plus the idle power
of a host that carries VMs.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue, UnknownNameError
from consolidate.registry import Registry
from consolidate.units import w_to_mw

__all__ = [
    "POWER_MODELS",
    "LinearPower",
    "PiecewisePower",
    "PowerModel",
    "SpecPower",
    "SpecServer",
    "WattTable",
    "spec_servers",
]

N_POINTS = 11


@runtime_checkable
class PowerModel(Protocol):
    """Watts drawn by a host that is on."""

    def power_w(self, utilization: float) -> float:
        """Return watts at a utilisation between 0 and 1 (active idle at 0)."""
        ...


POWER_MODELS: Registry[type[PowerModel]] = Registry(
    "power model",
    entry_point_group="consolidate.power_models",
    builtin={
        "linear": "consolidate.model.power:LinearPower",
        "piecewise": "consolidate.model.power:PiecewisePower",
        "spec": "consolidate.model.power:SpecPower",
    },
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LinearPower:
    """Straight line from idle to peak (Fan, Weber, Barroso 2007, doi:10.1145/1273440.1250665).

    On servers since 2010 it under-states what consolidation saves, so it is the conservative choice
    when only two points are known.

    Parameters
    ----------
    idle_w : W
        Active idle.
    max_w : W
        At full load.
    """

    idle_w: float
    max_w: float

    def power_w(self, utilization: float) -> float:
        """Return watts at a utilisation between 0 and 1."""
        return self.idle_w + (self.max_w - self.idle_w) * utilization


@dataclass(frozen=True, slots=True, kw_only=True)
class PiecewisePower:
    """Linear interpolation between eleven measured points.

    Parameters
    ----------
    points_w : W
        At 0 (active idle), 10, ..., 100 % of load.
    """

    points_w: tuple[float, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_w", tuple(float(p) for p in self.points_w))
        if len(self.points_w) != N_POINTS:
            msg = f"needs {N_POINTS} points (0, 10, ..., 100 %), got {len(self.points_w)}"
            raise InstanceError([Issue(path="power.points_w", message=msg)])

    def power_w(self, utilization: float) -> float:
        """Return watts at a utilisation between 0 and 1."""
        position = utilization * (N_POINTS - 1)
        low = min(int(position), N_POINTS - 2)
        below, above = self.points_w[low], self.points_w[low + 1]
        return below + (above - below) * (position - low)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecServer:
    """A published SPECpower_ssj2008 result: identification, base clock and eleven watts."""

    name: str
    year: int
    system: str
    cpu: str
    sockets: int
    cores: int
    nominal_ghz: float
    memory_gib: float
    points_w: tuple[float, ...]
    result: str

    def citation(self) -> str:
        """Return the words that say where the curve comes from."""
        return (
            f"SPECpower_ssj2008 result of {self.system}, {self.sockets} x {self.cpu}, "
            f"{self.year} ({self.result})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecPower:
    """Curve of a built-in server of the SPECpower_ssj2008 results.

    SPEC and SPECpower_ssj are trademarks of the Standard Performance Evaluation Corporation. The
    benchmark's load is calibrated Java throughput on a lean machine: memory, disks and hypervisor of a
    production host come on top.

    Parameters
    ----------
    server
        Name of the server, see :func:`spec_servers`.
    """

    server: str

    def __post_init__(self) -> None:
        _spec_server(self.server)

    def power_w(self, utilization: float) -> float:
        """Return watts at a utilisation between 0 and 1."""
        return PiecewisePower(points_w=_spec_server(self.server).points_w).power_w(utilization)


@cache
def spec_servers() -> dict[str, SpecServer]:
    """Return the built-in SPECpower servers by name."""
    text = resources.files("consolidate.model").joinpath("data/spec_servers.csv").read_text("utf-8")
    servers = {}
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        points = tuple(float(row[f"p{10 * k}_w"]) for k in range(N_POINTS))
        servers[row["name"]] = SpecServer(
            name=row["name"],
            year=int(row["year"]),
            system=row["system"],
            cpu=row["cpu"],
            sockets=int(row["sockets"]),
            cores=int(row["cores"]),
            nominal_ghz=float(row["nominal_ghz"]),
            memory_gib=float(row["memory_gib"]),
            points_w=points,
            result=row["result"],
        )
    return servers


def _spec_server(name: str) -> SpecServer:
    servers = spec_servers()
    if name not in servers:
        import difflib

        near = difflib.get_close_matches(name, servers, n=1)
        kind = "SPECpower server"
        raise UnknownNameError(kind, name, known=sorted(servers), nearest=near[0] if near else None)
    return servers[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class WattTable:
    """A power model, sampled once in whole milliwatts.

    Parameters
    ----------
    points_mw : mW
        At 0, 10, ..., 100 % utilisation; the first is the idle power of an *empty* host.
    hosting_idle_mw : mW
        Idle power of a host that carries at least one VM: guests keep a processor from its deepest
        sleep states, which the benchmark's active idle includes.
    """

    points_mw: tuple[int, ...]
    hosting_idle_mw: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "points_mw", tuple(int(p) for p in self.points_mw))
        issues = []
        if len(self.points_mw) != N_POINTS:
            msg = f"needs {N_POINTS} points, got {len(self.points_mw)}"
            issues.append(Issue(path="power.points_mw", message=msg))
        if any(p < 0 for p in self.points_mw) or self.hosting_idle_mw < 0:
            issues.append(Issue(path="power.points_mw", message="power cannot be negative"))
        if not issues and self.points_mw[0] > self.points_mw[-1]:
            msg = f"idle ({self.points_mw[0]} mW) exceeds full load ({self.points_mw[-1]} mW)"
            issues.append(Issue(path="power.points_mw", message=msg))
        if issues:
            raise InstanceError(issues)

    @classmethod
    def sample(cls, model: PowerModel, *, hosting_idle_w: float | None = None) -> WattTable:
        """Sample a model at eleven points.

        Parameters
        ----------
        model
            The power model.
        hosting_idle_w : W
            Idle power of a host with VMs. Default: the line through the 10 % and 20 % points,
            extended to zero load, but never below active idle nor above the 10 % point.
        """
        points = [model.power_w(k / (N_POINTS - 1)) for k in range(N_POINTS)]
        given = [*points, hosting_idle_w or 0.0]
        if not all(math.isfinite(p) for p in given):
            msg = f"needs finite watts at every point, got {given[:N_POINTS]}"
            raise InstanceError([Issue(path="power", message=msg)])
        if hosting_idle_w is None:
            hosting_idle_w = min(max(points[0], 2 * points[1] - points[2]), points[1])
        return cls(points_mw=tuple(w_to_mw(p) for p in points), hosting_idle_mw=w_to_mw(hosting_idle_w))

    @property
    def hosting_mw(self) -> tuple[int, ...]:
        """The eleven points of a host that carries VMs."""
        return (self.hosting_idle_mw, *self.points_mw[1:])

    def power_mw(self, load_mcores: int, capacity_mcores: int, *, hosting: bool) -> int:
        """Return the power at a load, in whole milliwatts, to the nearest.

        A load above the capacity draws what a full host draws: the excess is unmet demand.

        Parameters
        ----------
        load_mcores : mcores
            CPU in use, hypervisor included.
        capacity_mcores : mcores
            CPU of the whole host.
        hosting
            Whether at least one VM is on the host.
        """
        loads = np.array([load_mcores], dtype=np.int64)
        points = self.hosting_mw if hosting else self.points_mw
        return int(interpolate_mw(points, loads, capacity_mcores)[0])


def interpolate_mw(
    points_mw: Sequence[int], load_mcores: NDArray[np.int64], capacity_mcores: int
) -> NDArray[np.int64]:
    """Interpolate eleven points in integers at each load, rounding half up.

    The kernels and the checks state this rule again, each in its own code; the rounding is part of the
    format of a run folder.
    """
    points = np.array(points_mw, dtype=np.int64)
    load = np.clip(load_mcores, 0, capacity_mcores)
    segment = np.minimum(10 * load // capacity_mcores, N_POINTS - 2)
    rest = 10 * load - segment * capacity_mcores
    rise = (points[segment + 1] - points[segment]) * rest
    power: NDArray[np.int64] = points[segment] + (2 * rise + capacity_mcores) // (2 * capacity_mcores)
    return power
