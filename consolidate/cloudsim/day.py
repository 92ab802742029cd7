"""A day of PlanetLab in the order that decides which VM is how large."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from consolidate.errors import ConfigError, TraceError
from consolidate.model._arrays import frozen
from consolidate.model.trace import Trace
from consolidate.traces.planetlab import PlanetLabReader

__all__ = ["SAMPLES", "STEP_S", "Day", "Order", "read_day"]

SAMPLES: Final = 288
STEP_S: Final = 300
#: VM sizes come in four blocks of the order.
VM_TYPES: Final = 4
#: ``upper`` and ``sorted``, or the names of all VMs in the order wanted.
Order = Literal["upper", "sorted"] | Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of utilization, one row per VM, in the order that decides VM sizes.

    Parameters
    ----------
    ids
        Name of each VM.
    percent : percent
        Whole percentages of the VM's MIPS, shape ``(vms, 288)``, one per 300 s.
    name
        Name of the day for tables.
    order
        How the VMs were ordered, in one word.

    Raises
    ------
    ConfigError
        When the shape is another, or a value is not a whole number from 0 to 100.
    """

    ids: tuple[str, ...]
    percent: NDArray[np.int64]
    name: str = "day"
    order: str = "given"

    def __post_init__(self) -> None:
        path = f"day[{self.name}].percent"
        try:
            percent = frozen(self.percent, np.int64, ndim=2)
        except ValueError as error:
            raise ConfigError(str(error), path=path) from None
        object.__setattr__(self, "percent", percent)
        if percent.shape != (len(self.ids), SAMPLES) or not self.ids:
            msg = f"needs {SAMPLES} samples of each of {len(self.ids)} VMs, got shape {percent.shape}"
            raise ConfigError(msg, path=path)
        if percent.min() < 0 or percent.max() > 100:
            v, k = np.argwhere((percent < 0) | (percent > 100))[0]
            msg = f"sample {k + 1} of {self.ids[v]!r} is {percent[v, k]} %; needs 0 to 100"
            raise ConfigError(msg, path=path)
        if len(set(self.ids)) < len(self.ids):
            msg = "names a VM twice"
            raise ConfigError(msg, path=f"day[{self.name}].ids")

    @property
    def n_vms(self) -> int:
        """Number of VMs."""
        return len(self.ids)

    @property
    def vm_type(self) -> NDArray[np.int64]:
        """Row of the table of VM sizes, 0 to 3, shape ``(vms,)``: four blocks, not taken in turns."""
        return np.arange(self.n_vms) // -(-self.n_vms // VM_TYPES)

    def ordered(self, order: Order) -> Day:
        """Return the same day with its VMs in another order, and so with other sizes.

        Raises
        ------
        ConfigError
            When an order given by name does not name every VM once.
        """
        if order == "upper":
            names = sorted(self.ids, key=lambda name: (name.upper(), name))
        elif order == "sorted":
            names = sorted(self.ids)
        elif isinstance(order, str):
            msg = f"needs 'upper', 'sorted' or the names of all VMs, got {order!r}"
            raise ConfigError(msg, path="order")
        else:
            names = list(order)
            _check_names(names, self.ids)
        row = {name: k for k, name in enumerate(self.ids)}
        return Day(
            ids=tuple(names),
            percent=self.percent[[row[name] for name in names]],
            name=self.name,
            order=order if isinstance(order, str) else "given",
        )

    @classmethod
    def from_trace(cls, trace: Trace, *, name: str | None = None) -> Day:
        """Return the day that a trace of format ``planetlab`` holds, in the order of its VMs.

        Raises
        ------
        ConfigError
            When the trace has other steps, or demand that is no whole percentage of the allocation.
        """
        label = name or Path(trace.source).name.split(".")[0] or "day"
        if trace.grid.step_s != STEP_S or trace.grid.n_steps != SAMPLES or not trace.alive.all():
            msg = (
                f"needs one day of {SAMPLES} steps of {STEP_S} s in which every VM lives, got "
                f"{trace.grid.n_steps} of {trace.grid.step_s} s; the format 'planetlab' has that"
            )
            raise ConfigError(msg, path=f"trace[{label}]")
        hundredfold = trace.cpu_mcores.astype(np.int64) * 100
        size = trace.vms.cpu_mcores[:, None]
        if (hundredfold % size).any():
            msg = (
                "has demand that is no whole percentage of the allocation; the program reads those only"
            )
            raise ConfigError(msg, path=f"trace[{label}]")
        return cls(ids=trace.vms.ids, percent=hundredfold // size, name=label)


def read_day(path: str | Path, *, order: Order = "upper") -> Day:
    """Read a day of PlanetLab: a folder or archive of files of 288 whole percents.

    Parameters
    ----------
    path
        Folder or archive, as for the trace format ``planetlab``.
    order
        Order of the files: ``upper`` by upper-cased name (as Windows lists them, the order behind the
        figures usually quoted), ``sorted`` by name, or all names in the order wanted.

    Raises
    ------
    TraceError
        When a file has another number of lines or values that are not 0 to 100.
    ConfigError
        When an order given by name does not name every file once.
    """
    place = Path(path)
    if not place.exists():
        msg = "no such folder or archive"
        raise TraceError(msg, file=str(path))
    # Sizes of the trace are whole percents of round numbers, so that the samples come back exactly; the
    # date plays no part here.
    trace = PlanetLabReader(order="sorted", start="2011-03-03").read(place)
    return Day.from_trace(trace, name=place.resolve().name.split(".")[0]).ordered(order)


def _check_names(given: Sequence[str], known: Sequence[str]) -> None:
    missing = sorted(set(known) - set(given))
    unknown = sorted(set(given) - set(known))
    if missing or unknown or len(given) != len(known):
        what = f"lacks {missing[0]!r}" if missing else "names a VM twice"
        if unknown:
            what = f"names {unknown[0]!r}, which the day does not have"
        msg = f"{what}; needs each of the {len(known)} names once"
        raise ConfigError(msg, path="order")
