"""What an exporter is."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from consolidate.model import Instance, MigrationPlan
from consolidate.registry import Registry

__all__ = ["EXPORTERS", "Exporter", "export_plan"]


@runtime_checkable
class Exporter(Protocol):
    """Writes a plan as another system reads it. The fields of the dataclass are its parameters."""

    name: ClassVar[str]

    def text(self, plan: MigrationPlan, instance: Instance) -> str:
        """Return the content of the file; equal plans give equal text."""
        ...


EXPORTERS: Registry[type[Exporter]] = Registry(
    "export format",
    entry_point_group="consolidate.exporters",
    builtin={
        "proxmox": "consolidate.exports.proxmox:Proxmox",
        "watcher": "consolidate.exports.watcher:Watcher",
    },
)


def export_plan(
    plan: MigrationPlan, instance: Instance, path: str | Path, *, to: str | Exporter
) -> Path:
    """Write a plan in the format of another system.

    Parameters
    ----------
    plan
        The plan.
    instance
        Names of VMs and hosts.
    path
        File to write.
    to
        Registry name, or an exporter with its parameters.

    Raises
    ------
    UnknownNameError
        When there is no such format.
    ConfigError
        When the plan has something that the format cannot express.
    """
    exporter = EXPORTERS.get(to)() if isinstance(to, str) else to
    content = exporter.text(plan, instance)
    path = Path(path)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_text(content, "utf-8", newline="\n")
    return temporary.replace(path)
