"""What shifting work in time saves, beside what consolidation saves alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from consolidate.model import Job, TimeGrid
from consolidate.solvers.shift import Schedule
from consolidate.units import MILLIJOULES_PER_KWH

__all__ = ["Shifted", "shift_content"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shifted:
    """What shifting does, and what forecast and consolidation have to do with it.

    Parameters
    ----------
    jobs
        The jobs.
    grid
        The steps of the replay.
    planned
        The schedule by the forecast; its cost and bound are those of the forecast.
    unshifted
        Everybody as soon as there is room.
    perfect
        The schedule of somebody who knew the intensities that came true.
    forecast
        Where the forecast comes from.
    actual_ug : ug
        Emissions of the jobs by the intensities that came true: ``unshifted``, ``planned``, ``perfect``.
    baseline_ug, consolidated_ug : ug
        Emissions of both arms without the jobs.
    """

    jobs: tuple[Job, ...]
    grid: TimeGrid
    planned: Schedule
    unshifted: Schedule
    perfect: Schedule
    forecast: str
    actual_ug: dict[str, int]
    baseline_ug: int
    consolidated_ug: int

    @property
    def saved_by_consolidation_ug(self) -> int:
        """What consolidation saves alone."""
        return self.baseline_ug - self.consolidated_ug

    @property
    def saved_by_shifting_ug(self) -> int:
        """What shifting saves on top."""
        return self.actual_ug["unshifted"] - self.actual_ug["planned"]

    @property
    def saved_ug(self) -> int:
        """What both save together: jobs as soon as possible on today's hosts, against what is planned."""
        before = self.baseline_ug + self.actual_ug["unshifted"]
        return before - (self.consolidated_ug + self.actual_ug["planned"])

    @property
    def regret_ug(self) -> int:
        """What the planned schedule emits more than the one that perfect knowledge gives."""
        return self.actual_ug["planned"] - self.actual_ug["perfect"]

    def summary(self) -> str:
        """Return the lines of the account in a few lines of text."""
        kwh = sum(job.energy_mj for job in self.jobs) / MILLIJOULES_PER_KWH

        def g(amount_ug: int) -> str:
            return f"{amount_ug / 1e6:,.1f} g CO2e"

        planned = self.planned
        return "\n".join(
            (
                f"{len(self.jobs)} jobs, {kwh:.3f} kWh, on hosts that are on; forecast: {self.forecast}",
                f"by the forecast {g(planned.cost_ug)}, no schedule less than {g(planned.bound_ug)} "
                f"({planned.proof}), gap {planned.gap:.4%}",
                f"came true: as soon as possible {g(self.actual_ug['unshifted'])}, as planned "
                f"{g(self.actual_ug['planned'])}, with perfect knowledge {g(self.actual_ug['perfect'])}",
                f"forecast regret {g(self.regret_ug)}",
                f"saved by consolidation {g(self.saved_by_consolidation_ug)}",
                f"saved by shifting, on top {g(self.saved_by_shifting_ug)}",
                f"saved together {g(self.saved_ug)}",
            )
        )


def shift_content(found: Shifted, *, cpu_limit_fraction: float, seed: int) -> dict[str, Any]:
    """Return what ``shift.json`` holds."""
    schedules = {"planned": found.planned, "unshifted": found.unshifted, "perfect": found.perfect}
    return {
        "forecast": found.forecast,
        "cpu_limit_fraction": cpu_limit_fraction,
        "seed": seed,
        "jobs": [
            {
                "id": job.id,
                "cpu_mcores": job.cpu_mcores,
                "memory_mib": job.memory_mib,
                "power_mw": job.power_mw,
                "earliest_s": job.earliest_s,
                "deadline_s": job.deadline_s,
                "duration_s": job.duration_s,
            }
            for job in found.jobs
        ],
        "schedules": {
            name: {
                "start_step": made.start.tolist(),
                "host": made.host.tolist(),
                "actual_ug": found.actual_ug[name],
                "stopped": made.stopped,
            }
            for name, made in schedules.items()
        },
        "forecast_ug": found.planned.cost_ug,
        "forecast_bound_ug": found.planned.bound_ug,
        "bound_proof": found.planned.proof,
        "baseline_ug": found.baseline_ug,
        "consolidated_ug": found.consolidated_ug,
        "saved_by_consolidation_ug": found.saved_by_consolidation_ug,
        "saved_by_shifting_ug": found.saved_by_shifting_ug,
        "saved_ug": found.saved_ug,
        "regret_ug": found.regret_ug,
    }
