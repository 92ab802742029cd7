"""What is uncertain about a modelled saving, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import InstanceError, Issue

__all__ = ["PARAMETERS", "Draws", "Parameter", "base_draws", "draw_parameters", "with_country_intensity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """One uncertain assumption.

    Parameters
    ----------
    name
        A name of :data:`PARAMETERS`.
    low, high
        Range. Factors on what was modelled, but watts for ``off_w`` and a share for
        ``pue_variable_share``.
    spacing
        Uniform in the value, or in its logarithm (for factors such as "a third to three times").
    each_type
        Drawn for each host type on its own; hosts of a type err together.
    basis
        Where the range comes from.
    """

    name: str
    low: float
    high: float
    spacing: Literal["uniform", "log"] = "uniform"
    each_type: bool = False
    basis: str = ""

    def __post_init__(self) -> None:
        if not (0 <= self.low <= self.high) or (self.spacing == "log" and self.low <= 0):
            msg = f"needs 0 <= low <= high (0 < low for log), got {self.low:g} to {self.high:g}"
            raise InstanceError([Issue(path=f"parameters[{self.name}]", message=msg)])


#: All that is varied, with the default ranges.
PARAMETERS: Final = (
    Parameter(
        name="power_curve",
        low=0.9,
        high=1.1,
        each_type=True,
        basis="a twin of the server instead of its own watts; judgement",
    ),
    Parameter(name="idle", low=0.85, high=1.15, each_type=True, basis="memory, disks and cards differ"),
    Parameter(name="utilization", low=0.95, high=1.05, basis="sampling of the trace; judgement"),
    Parameter(name="off_w", low=5.0, high=25.0, basis="management controller and standby supply, W"),
    Parameter(
        name="boot", low=0.5, high=2.0, spacing="log", basis="duration of the self-test; judgement"
    ),
    Parameter(
        name="migration",
        low=0.3,
        high=3.0,
        spacing="log",
        basis="published models of the energy of a move differ by this factor",
    ),
    Parameter(name="intensity", low=0.9, high=1.1, basis="published intensity of the zone; judgement"),
    Parameter(
        name="pue_variable_share", low=0.0, high=1.0, basis="no part or all of the overhead follows"
    ),
)
#: Range of the intensity when it is the yearly figure of a country.
COUNTRY_INTENSITY: Final = (0.75, 1.25)


def with_country_intensity(parameters: Sequence[Parameter] = PARAMETERS) -> tuple[Parameter, ...]:
    """Return the parameters with the wider range that a country's yearly intensity needs."""
    low, high = COUNTRY_INTENSITY
    basis = "reputable figures of one grid and year differ by a quarter"
    return tuple(
        replace(p, low=low, high=high, basis=basis) if p.name == "intensity" else p for p in parameters
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Draws:
    """Values of all parameters in each draw, the same for both arms.

    Parameters
    ----------
    power_curve, idle
        Factors, shape ``(draws, types)``.
    utilization, boot, migration, intensity
        Factors, shape ``(draws,)``.
    off_w : W
        Power of a host that is off, NaN for what was modelled, shape ``(draws,)``.
    pue_variable_share
        Share of the overhead that follows the load, shape ``(draws,)``.
    """

    power_curve: NDArray[np.float64]
    idle: NDArray[np.float64]
    utilization: NDArray[np.float64]
    boot: NDArray[np.float64]
    migration: NDArray[np.float64]
    intensity: NDArray[np.float64]
    off_w: NDArray[np.float64]
    pue_variable_share: NDArray[np.float64]


def base_draws(n_types: int, n_draws: int = 1, *, variable_share: float = 0.5) -> Draws:
    """Return draws in which everything is as it was modelled."""
    one = np.ones(n_draws)
    each = np.ones((n_draws, n_types))
    return Draws(
        power_curve=each,
        idle=each,
        utilization=one,
        boot=one,
        migration=one,
        intensity=one,
        off_w=np.full(n_draws, np.nan),
        pue_variable_share=np.full(n_draws, variable_share),
    )


def draw_parameters(
    n_types: int, n_draws: int, *, seed: int, parameters: Sequence[Parameter] = PARAMETERS
) -> Draws:
    """Draw all parameters independently of each other.

    Parameters
    ----------
    n_types
        Host types.
    n_draws
        How many draws.
    seed
        Of the generator. Each parameter has its own stream, so leaving one out changes no other.
    parameters
        Ranges; a parameter that is absent stays as it was modelled.

    Raises
    ------
    InstanceError
        When a name is unknown.
    """
    known = [p.name for p in PARAMETERS]
    unknown = [p.name for p in parameters if p.name not in known]
    if unknown:
        msg = f"has no {', '.join(unknown)}; known: {', '.join(known)}"
        raise InstanceError([Issue(path="parameters", message=msg)])
    drawn = base_draws(n_types, n_draws)
    for parameter in parameters:
        rng = np.random.default_rng([seed, known.index(parameter.name)])
        shape = (n_draws, n_types) if parameter.each_type else (n_draws,)
        share = rng.random(shape)
        low, high = parameter.low, parameter.high
        log = parameter.spacing == "log"
        values = low * (high / low) ** share if log else low + (high - low) * share
        drawn = replace(drawn, **{parameter.name: values})
    return drawn
