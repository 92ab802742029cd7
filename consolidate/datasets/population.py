"""Who runs in a generated private cloud: sizes, classes, applications, lifetimes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["CLASSES", "FLAVOURS", "Population", "draw_population"]

#: vCPUs, GiB of memory, weight: a mix like the one of the Azure 2017 and 2019 traces.
FLAVOURS: tuple[tuple[int, float, float], ...] = (
    (1, 0.75, 3),
    (1, 1.75, 22),
    (2, 3.5, 20),
    (4, 7, 9),
    (8, 14, 4),
    (2, 4, 8),
    (2, 8, 9),
    (4, 8, 4),
    (4, 16, 6),
    (8, 16, 1.5),
    (8, 32, 2.5),
    (16, 32, 0.4),
    (16, 64, 0.7),
    (2, 14, 3),
    (4, 28, 2.5),
    (8, 56, 1.2),
    (16, 112, 0.35),
    (1, 2, 3),
    (32, 128, 0.2),
    (1, 4, 2),
)

CLASSES = ("idle", "interactive", "batch", "steady", "bursty")
#: Shares of the classes among applications of several VMs, and among VMs on their own.
APPLICATION_SHARES = (0.06, 0.52, 0.10, 0.18, 0.14)
SINGLE_SHARES = (0.40, 0.22, 0.13, 0.15, 0.10)

TIERS = ("web", "app", "db")
TIERS_OF_APPLICATION = (0.40, 0.35, 0.25)
REPLICAS_OF_TIER = (0.35, 0.40, 0.15, 0.10)

#: Lomax (Pareto II) lifetimes of newcomers: 69 % end within an hour, 93 % within a day, as measured on
#: the arrivals of the Azure 2017 trace; the tail has no mean.
LIFETIME_SCALE_S = 360.0
LIFETIME_SHAPE = 0.49


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """VMs of a generated cloud, in the order of their drivers.

    A *driver* is what makes demand move: an application, whose VMs move together, or a VM on its own.

    Parameters
    ----------
    ids, groups
        Name and application (empty for none) of each VM.
    driver
        Driver of each VM, ascending, shape ``(vms,)``.
    class_of_driver
        Index into :data:`CLASSES`, shape ``(drivers,)``.
    vcpus, memory_mib : vCPUs, MiB
        Allocations, shape ``(vms,)``.
    first_step, stop_step
        Steps in which each VM exists, half-open, shape ``(vms,)``.
    replicas
        VMs that must not share a host, one tuple per tier with more than one.
    """

    ids: tuple[str, ...]
    groups: tuple[str, ...]
    driver: NDArray[np.int64]
    class_of_driver: NDArray[np.int64]
    vcpus: NDArray[np.int32]
    memory_mib: NDArray[np.int64]
    first_step: NDArray[np.int64]
    stop_step: NDArray[np.int64]
    replicas: tuple[tuple[int, ...], ...]


@dataclass(slots=True)
class _Draft:
    ids: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)
    driver: list[int] = field(default_factory=list)
    flavour: list[int] = field(default_factory=list)
    replicas: list[tuple[int, ...]] = field(default_factory=list)


def draw_population(
    rng: np.random.Generator,
    *,
    vms: int,
    grouped_fraction: float,
    newcomer_fraction: float,
    departures_per_day: float,
    arrival_weight: NDArray[np.float64],
    step_s: int,
) -> Population:
    """Draw the VMs of a cloud.

    Parameters
    ----------
    rng
        Source of randomness.
    vms
        Number of VMs, newcomers included.
    grouped_fraction
        Share of the residents that belong to applications of several VMs.
    newcomer_fraction
        Share of the VMs that arrive after the start.
    departures_per_day : 1/d
        Rate at which residents leave for good.
    arrival_weight
        Relative rate of arrivals in each step, shape ``(steps,)``.
    step_s : s
        Length of a step.
    """
    n_new = round(vms * newcomer_fraction)
    n_residents = vms - n_new
    draft = _Draft()
    _draw_applications(rng, draft, room=round(n_residents * grouped_fraction))
    n_applications = draft.driver[-1] + 1 if draft.driver else 0
    n_single = vms - len(draft.ids)
    draft.ids += [f"vm-{i:05d}" for i in range(n_single)]
    draft.groups += [""] * n_single
    draft.driver += range(n_applications, n_applications + n_single)
    draft.flavour += _flavours(rng, n_single).tolist()
    shares = np.array([APPLICATION_SHARES] * n_applications + [SINGLE_SHARES] * n_single)
    class_of_driver = (rng.random((len(shares), 1)) > shares.cumsum(axis=1)).sum(axis=1)
    first, stop = _lives(
        rng,
        n_residents=n_residents,
        n_new=n_new,
        departures_per_day=departures_per_day,
        arrival_weight=arrival_weight,
        step_s=step_s,
    )
    return Population(
        ids=tuple(draft.ids),
        groups=tuple(draft.groups),
        driver=np.array(draft.driver, dtype=np.int64),
        class_of_driver=np.minimum(class_of_driver, len(CLASSES) - 1),
        vcpus=np.array([FLAVOURS[f][0] for f in draft.flavour], dtype=np.int32),
        memory_mib=np.array([round(FLAVOURS[f][1] * 1_024) for f in draft.flavour], dtype=np.int64),
        first_step=first,
        stop_step=stop,
        replicas=tuple(draft.replicas),
    )


def _draw_applications(rng: np.random.Generator, draft: _Draft, *, room: int) -> None:
    """Add applications of one to three tiers until their VMs fill the room."""
    application = 0
    while len(draft.ids) < room:
        name = f"app-{application:04d}"
        tiers = 1 + int(rng.choice(len(TIERS), p=TIERS_OF_APPLICATION))
        counts = 1 + rng.choice(len(REPLICAS_OF_TIER), size=tiers, p=REPLICAS_OF_TIER)
        if counts.sum() == 1:
            counts[0] = 2  # one VM alone is no group
        flavours = _flavours(rng, tiers)
        for tier in range(tiers):
            first = len(draft.ids)
            count = int(counts[tier])
            draft.ids += [f"{name}-{TIERS[tier]}-{k + 1}" for k in range(count)]
            draft.groups += [name] * count
            draft.driver += [application] * count
            draft.flavour += [int(flavours[tier])] * count
            if count > 1:
                draft.replicas.append(tuple(range(first, first + count)))
        application += 1


def _flavours(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    weights = np.array([weight for _, _, weight in FLAVOURS])
    return rng.choice(len(FLAVOURS), size=count, p=weights / weights.sum())


def _lives(
    rng: np.random.Generator,
    *,
    n_residents: int,
    n_new: int,
    departures_per_day: float,
    arrival_weight: NDArray[np.float64],
    step_s: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return first and stop step of the residents, then of the newcomers."""
    n_steps = len(arrival_weight)
    stay_s = rng.exponential(size=n_residents) * 86_400 / max(departures_per_day, 1e-9)
    stop = np.ceil(np.minimum(stay_s / step_s, n_steps))
    arrivals = np.sort(rng.choice(n_steps, size=n_new, p=arrival_weight / arrival_weight.sum()))
    life_s = LIFETIME_SCALE_S * rng.pareto(LIFETIME_SHAPE, size=n_new)
    leave = np.minimum(arrivals + np.maximum(np.ceil(life_s / step_s), 1), n_steps)
    first = np.concatenate([np.zeros(n_residents), arrivals]).astype(np.int64)
    return first, np.concatenate([np.maximum(stop, 1), leave]).astype(np.int64)
