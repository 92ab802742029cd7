"""Fit a host type's power curve to the operator's own watts, and say how well it fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue
from consolidate.inventory.curve_fit import fit_points_w, interpolate_w
from consolidate.inventory.measurements import Measurements
from consolidate.model.power import PowerModel

__all__ = ["Calibration", "FitQuality", "Meter", "calibrate_power"]

Meter = Literal["wall", "bmc", "pdu", "rapl"]

FEWEST_SAMPLES: Final = 20
FOLDS: Final = 5
#: Pieces of time that the parts are made of: long, so that no sample is predicted from its neighbour, yet
#: enough that a load test which climbs once does not lose a whole range of loads.
PIECES: Final = 20
#: ASHRAE Guideline 14-2014, for hourly and for monthly data: mean bias error, CV(RMSE).
HOURLY_LIMITS: Final = (0.10, 0.30)
MONTHLY_LIMITS: Final = (0.05, 0.15)
EMPTY_LOAD: Final = 0.02
#: The least idle over full power among 619 published SPECpower results of 2007 to 2022 is 0.09.
LEAST_IDLE_SHARE: Final = 0.08
HOST_BIAS: Final = 0.10


@dataclass(frozen=True, slots=True, kw_only=True)
class FitQuality:
    """How far a curve is from the meter.

    Parameters
    ----------
    mbe_fraction
        Mean bias error: (sum of modelled - sum of measured) / sum of measured. Above zero, the curve
        claims too much power.
    cv_rmse_fraction
        Root mean square error over mean power.
    n
        Samples.
    """

    mbe_fraction: float
    cv_rmse_fraction: float
    n: int

    def within(self, limits: tuple[float, float] = HOURLY_LIMITS) -> bool:
        """Say whether bias and scatter keep to limits (default: ASHRAE Guideline 14, hourly)."""
        return abs(self.mbe_fraction) <= limits[0] and self.cv_rmse_fraction <= limits[1]

    def __str__(self) -> str:
        return f"MBE {self.mbe_fraction:+.1%}, CV(RMSE) {self.cv_rmse_fraction:.1%} ({self.n} samples)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """A fitted power curve.

    Parameters
    ----------
    host_type
        Name of the type.
    meter
        What measured.
    points_w : W
        The curve at 0, 10, ..., 100 %.
    hosting_idle_w : W
        Power at zero load of a host that carries VMs; ``None`` when the file does not tell empty hosts.
    fit
        Quality on the samples that it was fitted to.
    held_out
        Quality on samples that it was not fitted to: five parts, each made of pieces of time and predicted
        from the others. The figure to believe.
    prior
        Quality of the curve in use so far; ``None`` without one.
    samples_by_point
        Samples within 5 % of load of each point, shape ``(11,)``.
    utilization, residual_w, host
        For a plot: load, measured minus fitted watts, and host of each sample, shape ``(n,)``.
    host_ids
        Names of the hosts.
    host_mbe_fraction
        Mean bias error of each host.
    warnings
        What a user has to know before using the curve.
    source
        Name of the file.
    """

    host_type: str
    meter: Meter
    points_w: tuple[float, ...]
    hosting_idle_w: float | None
    fit: FitQuality
    held_out: FitQuality
    prior: FitQuality | None
    samples_by_point: tuple[int, ...]
    utilization: NDArray[np.float64]
    residual_w: NDArray[np.float64]
    host: NDArray[np.int64]
    host_ids: tuple[str, ...]
    host_mbe_fraction: tuple[float, ...]
    warnings: tuple[str, ...]
    source: str


def calibrate_power(
    measured: Measurements,
    *,
    host_type: str,
    meter: Meter,
    prior: PowerModel | None = None,
    added_w: float = 0.0,
) -> Calibration:
    """Fit the power curve of a host type to measurements of hosts of that type.

    Parameters
    ----------
    measured
        Samples of hosts of one type; averages over a minute or more, so that load and power belong
        together.
    host_type
        Name of the type, for the fleet file.
    meter
        ``wall``, ``bmc`` or ``pdu`` measure the whole host; ``rapl`` only processors and memory.
    prior
        The curve in use so far, to be judged by the same samples.
    added_w : W
        Constant power that the meter does not see (fans, disks, losses of the power supply), added to
        every sample.

    Raises
    ------
    InstanceError
        When there are fewer than 20 samples, the load hardly varies, or power falls with load.
    """
    power_w = measured.power_w + added_w
    _refuse_unfit(measured, power_w)
    empty = (measured.vms == 0) & (measured.utilization <= EMPTY_LOAD)
    hosting = measured.vms > 0
    split = bool(empty.any() and hosting.sum() >= FEWEST_SAMPLES)
    kept = ~empty if split else np.ones_like(empty)
    points, hosting_idle_w = _curve(measured, power_w, kept, empty, split=split)
    fitted = _predicted(measured, points, hosting_idle_w, empty)
    held_out = _held_out(measured, power_w, empty, split=split)
    judged = None
    if prior is not None:
        modelled = np.array([prior.power_w(float(u)) for u in measured.utilization])
        judged = _quality(modelled, power_w)
    nearest = np.rint(10 * measured.utilization).astype(np.int64)
    counts = np.bincount(nearest, minlength=11)
    by_host = tuple(
        _quality(fitted[measured.host == k], power_w[measured.host == k]).mbe_fraction
        for k in range(len(measured.host_ids))
    )
    quality = _quality(fitted, power_w)
    return Calibration(
        host_type=host_type,
        meter=meter,
        points_w=tuple(round(float(p), 1) for p in points),
        hosting_idle_w=None if hosting_idle_w is None else round(hosting_idle_w, 1),
        fit=quality,
        held_out=held_out,
        prior=judged,
        samples_by_point=tuple(counts.tolist()),
        utilization=measured.utilization,
        residual_w=power_w - fitted,
        host=measured.host,
        host_ids=measured.host_ids,
        host_mbe_fraction=by_host,
        warnings=_warnings(measured, points, counts, by_host, held_out, meter, added_w),
        source=measured.source,
    )


def _refuse_unfit(measured: Measurements, power_w: NDArray[np.float64]) -> None:
    issues = []
    load = measured.utilization
    if power_w.size < FEWEST_SAMPLES:
        msg = f"needs at least {FEWEST_SAMPLES}, got {power_w.size}"
        issues.append(Issue(path="measurements", message=msg))
    elif load.max() - load.min() < 0.1:
        msg = f"load varies only from {load.min():.0%} to {load.max():.0%}; a curve needs more"
        issues.append(Issue(path="measurements.utilization", message=msg))
    elif np.polyfit(load, power_w, 1)[0] <= 0:
        msg = "power does not rise with load: are hosts or times mixed up?"
        issues.append(Issue(path="measurements.power_w", message=msg))
    if issues:
        raise InstanceError(issues)


def _curve(
    measured: Measurements,
    power_w: NDArray[np.float64],
    kept: NDArray[np.bool_],
    empty: NDArray[np.bool_],
    *,
    split: bool,
) -> tuple[NDArray[np.float64], float | None]:
    """Return the points and the idle power with VMs, from the samples that are kept."""
    points = fit_points_w(measured.utilization[kept], power_w[kept])
    if not split:
        return points, None
    hosting_idle_w = float(points[0])
    # An empty host reaches deeper sleep; its curve begins there and joins the other at 10 %.
    points[0] = min(float(np.median(power_w[empty])), hosting_idle_w)
    return points, hosting_idle_w


def _predicted(
    measured: Measurements,
    points: NDArray[np.float64],
    hosting_idle_w: float | None,
    empty: NDArray[np.bool_],
) -> NDArray[np.float64]:
    watts = interpolate_w(points, measured.utilization)
    if hosting_idle_w is None:
        return watts
    carrying = interpolate_w(np.append(hosting_idle_w, points[1:]), measured.utilization)
    return np.where(empty, watts, carrying)


def _held_out(
    measured: Measurements, power_w: NDArray[np.float64], empty: NDArray[np.bool_], *, split: bool
) -> FitQuality:
    """Predict each fifth of the time, made of pieces, from the other four."""
    fold = np.arange(power_w.size) * PIECES // power_w.size % FOLDS
    predicted = np.empty_like(power_w)
    for k in range(FOLDS):
        train = fold != k
        whole = split and bool((empty & train).any())
        points, hosting_idle_w = _curve(
            measured, power_w, train & ~empty if whole else train, empty & train, split=whole
        )
        predicted[~train] = _predicted(measured, points, hosting_idle_w, empty)[~train]
    return _quality(predicted, power_w)


def _quality(modelled: NDArray[np.float64], power_w: NDArray[np.float64]) -> FitQuality:
    error = modelled - power_w
    mean = float(power_w.mean())
    return FitQuality(
        mbe_fraction=float(error.mean()) / mean if mean else 0.0,
        cv_rmse_fraction=float(np.sqrt((error**2).mean())) / mean if mean else 0.0,
        n=power_w.size,
    )


def _warnings(
    measured: Measurements,
    points: NDArray[np.float64],
    counts: NDArray[np.int64],
    by_host: tuple[float, ...],
    held_out: FitQuality,
    meter: Meter,
    added_w: float,
) -> tuple[str, ...]:
    found = []
    if meter == "rapl" and not added_w:
        found.append(
            "RAPL sees processors and memory only: fans, disks, cards and losses of the power supply are "
            "missing. State them with added_w, or measure at the wall."
        )
    if points[0] < LEAST_IDLE_SHARE * points[-1]:
        found.append(
            f"idle is {points[0] / points[-1]:.1%} of full load, below every published SPECpower result "
            "(9 %): the meter does not see the whole host, and a saving by switching off would be under-stated."
        )
    bare = [f"{10 * k} %" for k in np.flatnonzero(counts == 0).tolist()]
    if bare:
        found.append(f"no sample near {', '.join(bare)} of load: the curve is carried through there.")
    if not held_out.within():
        found.append(
            "the curve does not predict held-out samples within +-10 % bias and 30 % scatter (ASHRAE "
            "Guideline 14, hourly): load alone does not explain the power of these hosts."
        )
    apart = [
        f"{name} {bias:+.0%}"
        for name, bias in zip(measured.host_ids, by_host, strict=True)
        if abs(bias) > HOST_BIAS
    ]
    if apart and len(by_host) > 1:
        found.append(f"hosts that differ from the type by more than 10 %: {', '.join(apart[:10])}.")
    if measured.skipped:
        found.append(f"{measured.skipped} rows without load or power were skipped.")
    return tuple(found)
