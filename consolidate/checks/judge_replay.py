"""The part of a verdict about what was replayed: arms, emissions, energy of VMs, shifted work."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray

from consolidate.checks.arm_files import load_arm
from consolidate.checks.arms import Arm, ArmCase, Demand
from consolidate.checks.carbon import (
    coverage_violations,
    emission_violations,
    emissions_kg,
    grams_by_step,
)
from consolidate.checks.cases import NO_ACTIONS, Actions, PlacementCase
from consolidate.checks.docket import IDLE_ARM, PLANNED_ARM, Docket
from consolidate.checks.loader import load_emissions, load_intensity
from consolidate.checks.per_vm import FILE as SHARES_FILE
from consolidate.checks.per_vm import load_shares, share_violations
from consolidate.checks.replay_bound import FILE as BOUND_FILE
from consolidate.checks.replay_bound import bound_violations, load_replay_bound
from consolidate.checks.shift import ShiftClaim, load_shift, shift_violations
from consolidate.checks.single import check_arm

__all__ = ["judge_arms", "judge_emissions", "judge_replay_bound", "judge_shares", "judge_shift"]


def judge_arms(
    docket: Docket,
    case: PlacementCase,
    demand: Demand,
    sites: tuple[NDArray[np.int64], int],
    actions: Actions | None,
) -> dict[str, Arm]:
    """Judge every replayed arm, and return those that could be read, by name."""
    at = docket.folder / "replay"
    labels = sorted(entry.name for entry in at.iterdir() if entry.is_dir()) if at.is_dir() else []
    if not labels:
        docket.absent.append("replay")
    arms: dict[str, Arm] = {}
    for label in labels:
        load = partial(
            load_arm,
            docket.folder,
            label,
            demand=demand,
            hosts=case.hosts,
            vms=case.vms.n,
            n_sites=sites[1],
        )
        arm = docket.attempt(load)
        if arm is None:
            continue
        arms[label] = arm
        judged = ArmCase(
            placement=case,
            site_of=sites[0],
            demand=demand,
            arm=arm,
            actions={PLANNED_ARM: actions, IDLE_ARM: NO_ACTIONS}.get(label),
        )
        docket.add(
            check_arm(judged),
            f"{label}: states, whereabouts, energy by host and step, service levels add up exactly",
        )
    if arms:
        docket.checked["replayed seconds"] = demand.duration_s * len(arms)
    return arms


def judge_emissions(
    docket: Docket, arms: dict[str, Arm], demand: Demand | None, *, n_sites: int
) -> dict[str, float]:
    """Judge intensities and emissions; return the emissions of each arm in kilograms."""
    if not (docket.folder / "carbon.parquet").exists():
        docket.absent.append("carbon")
        return {}
    attempt = docket.attempt
    intensity = attempt(partial(load_intensity, docket.folder, n_sites=n_sites))
    stated = attempt(partial(load_emissions, docket.folder))
    if intensity is None or demand is None:
        return {}
    docket.intensity = intensity
    found = coverage_violations(
        intensity,
        n_sites=n_sites,
        start_utc_s=demand.start_utc_s,
        end_utc_s=demand.start_utc_s + demand.duration_s,
    )
    if found:
        docket.violations += found
        docket.intensity = None
        return {}
    emitted = {label: emissions_kg(arm, intensity, step_s=demand.step_s) for label, arm in arms.items()}
    if stated is not None:
        docket.add(
            emission_violations(stated, emitted),
            "emissions are energy times intensity, site by site, over the whole replay",
        )
    return emitted


def judge_shares(docket: Docket, arms: dict[str, Arm], case: PlacementCase, demand: Demand) -> None:
    """Judge the energy of each VM, and its emissions where they are known, where the report has them."""
    vms, intensity = case.vms, docket.intensity
    both = (IDLE_ARM, PLANNED_ARM)
    if not (docket.printed / SHARES_FILE).exists() or any(arm not in arms for arm in both):
        return
    shares = docket.attempt(partial(load_shares, docket.printed, n_vms=vms.n, arms=both))
    if shares is not None:
        site_g = {
            label: [
                float(
                    grams_by_step(
                        mj, arms[label].step_start_utc_s, demand.step_s, intensity.of(site)
                    ).sum()
                )
                for site, mj in enumerate(arms[label].site_mj)
            ]
            for label in both
            if intensity is not None
        }
        found = share_violations(
            shares, arms=arms, vms=vms, demand=demand, hosts=case.hosts, site_g=site_g
        )
        docket.add(
            found,
            "energy and emissions per VM follow from their rule; with the shared part they are the ledger",
        )


def judge_replay_bound(
    docket: Docket, case: PlacementCase, demand: Demand, arms: dict[str, Arm]
) -> int | None:
    """Judge what the run says that no policy undercuts; return it in millijoules."""
    arm = arms.get(PLANNED_ARM)
    if not (docket.folder / BOUND_FILE).exists() or arm is None:
        return None
    claim = docket.attempt(partial(load_replay_bound, docket.folder, n_steps=demand.n_steps))
    if claim is None:
        return None
    found = bound_violations(claim, hosts=case.hosts, demand=demand, arm=arm)
    docket.add(found, "the lower bound of the replay follows from its prices, step by step")
    return claim.value_mj


def judge_shift(
    docket: Docket,
    case: PlacementCase,
    demand: Demand,
    sites: tuple[NDArray[np.int64], int],
    arms: dict[str, Arm],
    emissions_kg: dict[str, float],
) -> ShiftClaim | None:
    """Judge work that was shifted; return what the run says of it."""
    arm, actual = arms.get(PLANNED_ARM), docket.intensity
    if not (docket.folder / "shift.json").exists() or arm is None or actual is None:
        return None
    attempt, folder = docket.attempt, docket.folder
    claim = attempt(partial(load_shift, folder, n_hosts=case.hosts.n, n_steps=demand.n_steps))
    forecast = attempt(partial(load_intensity, folder, n_sites=sites[1], name="shift_forecast.parquet"))
    if claim is None or forecast is None:
        return None
    found = shift_violations(
        claim,
        hosts=case.hosts,
        site_of=sites[0],
        arm=arm,
        demand=demand,
        actual=actual,
        forecast=forecast,
        emissions_kg=emissions_kg,
    )
    docket.checked["shifted jobs"] = len(claim.jobs)
    docket.add(found, "shifted work has time and room in every step, and its lines add up exactly")
    return claim
