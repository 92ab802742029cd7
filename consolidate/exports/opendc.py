"""OpenDC: its ``powerSource.parquet``, power and emissions of each site over time."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import ClassVar

import numpy as np

from consolidate.exports.run_base import RunFacts
from consolidate.units import MILLIJOULES_PER_KWH

__all__ = ["OpenDC"]

MILLI = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDC:
    """One row for each site and step, at its end, of one arm.

    Columns: ``timestamp`` and ``timestamp_absolute`` in ms, ``source_name``, ``cluster_name``,
    ``power_draw`` in W, ``energy_usage`` in J, ``carbon_intensity`` in g/kWh, ``carbon_emission`` in g.
    OpenDC knows neither hosts that are switched off nor migrations, so hosts and tasks are not exported.

    Parameters
    ----------
    arm
        ``baseline`` or ``consolidated``.
    """

    name: ClassVar[str] = "opendc"
    arm: str = "consolidated"

    def content(self, facts: RunFacts) -> bytes:
        """Return the table.

        Raises
        ------
        ConfigError
            When there is no such arm.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        replay, sites = facts.arm(self.arm), facts.instance.fleet.sites
        n_sites, n_steps = replay.site_energy_mj.shape
        mj, grams = replay.site_energy_mj.T.ravel(), facts.emissions_g[self.arm].T.ravel()
        kwh = mj / MILLIJOULES_PER_KWH
        ends_ms = MILLI * replay.grid.step_s * np.arange(1, n_steps + 1, dtype=np.int64)
        start_ms = MILLI * int(replay.grid.start.astype("datetime64[s]").astype(np.int64))
        # A name with a lone surrogate has no UTF-8 form.
        names = [s.name.encode("utf-8", "backslashreplace").decode("utf-8") for s in sites]
        table = pa.table(
            {
                "timestamp": pa.array(np.repeat(ends_ms, n_sites)),
                "timestamp_absolute": pa.array(np.repeat(start_ms + ends_ms, n_sites)),
                "source_name": pa.array(names * n_steps, type=pa.string()),
                "cluster_name": pa.array(names * n_steps, type=pa.string()),
                "power_draw": pa.array(mj / MILLI / replay.grid.step_s),
                "energy_usage": pa.array(mj / MILLI),
                "carbon_intensity": pa.array(
                    np.divide(grams, kwh, out=np.zeros_like(grams), where=kwh > 0)
                ),
                "carbon_emission": pa.array(grams),
            }
        )
        sink = BytesIO()
        pq.write_table(table, sink, compression="zstd")
        return sink.getvalue()
