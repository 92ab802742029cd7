"""Proxmox VE: one ``pvesh`` command per migration, in an order that works."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import ClassVar

from consolidate.errors import ConfigError
from consolidate.model import Instance, MigrationPlan

__all__ = ["Proxmox"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxmox:
    """Shell script of ``pvesh`` calls; VM ids must be Proxmox ids (``104`` or ``qemu/104``, ``lxc/104``).

    Commands run one after the other, so no move starts before those that make room for it have ended.
    Hosts are switched on and off by whatever controls their power; the script says when, in comments.
    """

    name: ClassVar[str] = "proxmox"

    def text(self, plan: MigrationPlan, instance: Instance) -> str:
        """Return the script.

        Raises
        ------
        ConfigError
            When a VM's id is no Proxmox id, or a mode of migration or leaving a VM in storage is not offered.
        """
        hosts = instance.fleet.host_ids
        lines = ["#!/bin/sh", "# Migrations in a feasible order; review before running.", "set -eu"]
        for action in sorted(plan.actions, key=lambda a: (a.end_s, a.id)):
            if action.kind in ("save", "restore"):
                _, number = _guest(instance.vms.ids[action.vm])
                msg = f"guest {number} is left in storage for a while, which no call of pvesh does"
                raise ConfigError(msg, path="export.proxmox")
            if action.kind != "migration":
                verb = "switch on" if action.kind == "boot" else "switch off"
                lines.append(f"# {verb} {_one_line(hosts[action.host])}")
                continue
            kind, number = _guest(instance.vms.ids[action.vm])
            if action.mode == "saved_state":
                msg = f"guest {number} is moved by saving its state, which pvesh does not offer"
                raise ConfigError(msg, path="export.proxmox")
            how = "--online 1" if kind == "qemu" else "--restart 1"
            node = shlex.quote(hosts[action.source])
            target = shlex.quote(hosts[action.target])
            lines.append(f"pvesh create /nodes/{node}/{kind}/{number}/migrate --target {target} {how}")
        return "\n".join(lines) + "\n"


def _one_line(name: str) -> str:
    return " ".join(name.split())


def _guest(vm_id: str) -> tuple[str, int]:
    kind, slash, number = vm_id.rpartition("/")
    kind = kind if slash else "qemu"
    if kind not in {"qemu", "lxc"} or not (number.isascii() and number.isdigit()):
        msg = f"{vm_id!r} is no Proxmox guest id, such as 104, qemu/104 or lxc/104"
        raise ConfigError(msg, path="export.proxmox")
    return kind, int(number)
