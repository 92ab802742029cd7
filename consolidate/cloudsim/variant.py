"""Named departures from the program, each off by default."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError

__all__ = ["Variant"]

#: Samples that the local regression looks at.
_SAMPLES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """What is computed otherwise than in CloudSim 3.0.3; the defaults are the program itself.

    Parameters
    ----------
    off_hosts_cost_full
        A host that is off counts with all the power it would draw, not with its rise over idle. In the
        program, switching a host on looks as cheap as loading a running one.
    fresh_baseline
        The power before counts what this step has already put on the host. In the program it is that of
        the last accounting, so that hosts look worse with each VM that is put there.
    tricube_weights
        The local regression weighs its samples: ``paper`` by the tricube function, with no weight on the
        oldest; ``3.0.1`` by its square, the two oldest like the third, which is what the program did up to
        3.0.1 as far as is known. In 3.0.3 the weights are computed and never used.
    keep_idle_vms
        A VM that asks for nothing lives on. In the program it is taken for finished and removed for good.
    enforce_ram
        The RAM of VMs binds when hosts are chosen. In the program it does so at the start only.
    shield_overload_targets
        A host that takes VMs from an overloaded one is not emptied in the same step. In the program it
        can be, and those VMs then move twice.
    stale_load
        Placement of 3.0 and 3.0.1: what this step has put on a host is not seen at all, so that hosts
        that are off fill up until their MIPS are gone.
    """

    off_hosts_cost_full: bool = False
    fresh_baseline: bool = False
    tricube_weights: Literal["", "paper", "3.0.1"] = ""
    keep_idle_vms: bool = False
    enforce_ram: bool = False
    shield_overload_targets: bool = False
    stale_load: bool = False

    #: Variants with names of their own.
    NAMED: ClassVar[dict[str, dict[str, object]]] = {
        "3.0.3": {},
        "3.0.1": {"tricube_weights": "3.0.1", "stale_load": True},
        "corrected-pabfd": {"off_hosts_cost_full": True, "fresh_baseline": True},
    }

    def __post_init__(self) -> None:
        if self.tricube_weights not in ("", "paper", "3.0.1"):
            msg = f"needs '', 'paper' or '3.0.1', got {self.tricube_weights!r}"
            raise ConfigError(msg, path="variant.tricube_weights")
        if self.stale_load and self.fresh_baseline:
            msg = "stale_load and fresh_baseline exclude each other"
            raise ConfigError(msg, path="variant")

    @classmethod
    def named(cls, name: str) -> Variant:
        """Return ``3.0.3`` (the program), ``3.0.1``, or ``corrected-pabfd`` (both baselines corrected).

        Raises
        ------
        ConfigError
            When there is no variant of that name.
        """
        if name not in cls.NAMED:
            msg = f"no variant named {name!r}; known: {', '.join(cls.NAMED)}"
            raise ConfigError(msg, path="variant")
        return cls(**cls.NAMED[name])  # type: ignore[arg-type]

    def describe(self) -> str:
        """Return what differs from the program, in one line for tables."""
        on = [(f.name, getattr(self, f.name)) for f in fields(self) if getattr(self, f.name)]
        return " ".join(n if v is True else f"{n}={v}" for n, v in on) or "as CloudSim 3.0.3"

    def weights(self) -> NDArray[np.float64]:
        """Return the weights of the ten samples of the local regression, oldest first."""
        if not self.tricube_weights:
            return np.ones(_SAMPLES)
        distance = np.arange(_SAMPLES - 1, -1, -1) / (_SAMPLES - 1)
        tricube: NDArray[np.float64] = (1 - distance**3) ** 3
        if self.tricube_weights == "paper":
            return tricube
        # There the two oldest samples have the weight of the third.
        tricube[:2] = tricube[2]
        return tricube**2
