"""``carbon`` of ``instance.json``: the weights of an objective in grams."""

from __future__ import annotations

from pathlib import Path

from consolidate.checks.files import Json, read_json

__all__ = ["load_moves_s", "load_pue", "load_weights"]

#: No grid emits as much as this, in mg/kWh.
_MOST = 10_000_001


def load_weights(folder: Path, instance: Json) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return what a kWh counts at each site, while hosts are on and while VMs move, in mg/kWh.

    Both are empty where the objective is energy.
    """
    if instance.content.get("carbon") is None:
        return (), ()
    carbon = instance.object("carbon")
    n_sites = len(read_json(folder, "fleet.json").items("sites"))
    found = []
    for key in ("site_mg_per_kwh", "move_mg_per_kwh"):
        values = tuple(carbon.integers(key, limit=_MOST))
        if len(values) != n_sites:
            carbon.fail(key, f"needs {n_sites} values, got {list(values)}")
        found.append(values)
    return found[0], found[1]


def load_moves_s(folder: Path) -> int:
    """Return the time from the start in which moves are made, in seconds."""
    return read_json(folder, "instance.json").object("carbon").integer("moves_s", least=1)


def load_pue(folder: Path) -> tuple[float, ...]:
    """Return the PUE of each site."""
    return tuple(site.number("pue") for site in read_json(folder, "fleet.json").objects("sites"))
