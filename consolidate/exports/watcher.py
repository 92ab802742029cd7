"""OpenStack Watcher: an action plan with its actions as a graph of parents."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from typing import ClassVar

from consolidate.errors import ConfigError
from consolidate.model import Instance, MigrationPlan

__all__ = ["Watcher"]

#: Names the actions of equal plans equally.
_NAMESPACE = uuid.UUID("5f2d7e0a-6f0c-5b7e-9d7b-1c5d1d0f7a11")
_MODES = {"live": "live", "saved_state": "cold"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Action plan as OpenStack Watcher shows it (state ``RECOMMENDED``).

    Migrations become ``migrate`` actions with host names, boots and shutdowns become
    ``change_nova_service_state`` and ``change_node_power_state``. A saved state is moved by cold migration.

    Parameters
    ----------
    strategy_name
        Name of the strategy.
    """

    name: ClassVar[str] = "watcher"
    strategy_name: str = "consolidate_energy"

    def text(self, plan: MigrationPlan, instance: Instance) -> str:
        """Return the action plan as JSON.

        Raises
        ------
        ConfigError
            When a container is restarted or a VM is left in storage, which Watcher has no action for.
        """
        hosts, vms = instance.fleet.host_ids, instance.vms.ids
        last: dict[int, str] = {}
        actions: list[dict[str, object]] = []

        def add(key: str, kind: str, parents: list[str], **inputs: str) -> str:
            name = str(uuid.uuid5(_NAMESPACE, key))
            actions.append(
                {
                    "uuid": name,
                    "action_type": kind,
                    "state": "PENDING",
                    "parents": parents,
                    "input_parameters": inputs,
                }
            )
            return name

        for action in plan.actions:
            parents = [last[k] for k in action.after]
            key = f"{action.kind}-{action.id}"
            if action.kind == "migration":
                if action.mode not in _MODES:
                    msg = f"{vms[action.vm]} is moved by {action.mode}, which Watcher cannot express"
                    raise ConfigError(msg, path="export.watcher")
                last[action.id] = add(
                    key,
                    "migrate",
                    parents,
                    resource_id=vms[action.vm],
                    resource_name=vms[action.vm],
                    migration_type=_MODES[action.mode],
                    source_node=hosts[action.source],
                    destination_node=hosts[action.target],
                )
                continue
            if action.kind in ("save", "restore"):
                msg = f"{vms[action.vm]} is left in storage for a while, which Watcher cannot express"
                raise ConfigError(msg, path="export.watcher")
            host = hosts[action.host]
            power = "on" if action.kind == "boot" else "off"
            service = "enabled" if power == "on" else "disabled"
            if power == "off":
                state = add(
                    f"{key}-service",
                    "change_nova_service_state",
                    parents,
                    resource_name=host,
                    state=service,
                    disabled_reason="watcher_disabled",
                )
                parents = [state]
            last[action.id] = add(
                key, "change_node_power_state", parents, resource_name=host, state=power
            )
            if power == "on":
                last[action.id] = add(
                    f"{key}-service",
                    "change_nova_service_state",
                    [last[action.id]],
                    resource_name=host,
                    state=service,
                )
        return json.dumps(self._document(plan, instance, actions), indent=1) + "\n"

    def _document(
        self, plan: MigrationPlan, instance: Instance, actions: list[dict[str, object]]
    ) -> dict[str, object]:
        released, moves = len(plan.shutdowns), plan.migrations
        live = sum(move.mode == "live" for move in moves)
        indicators = (
            ("compute_nodes_count", "hosts of the fleet", "", instance.fleet.n_hosts),
            ("released_compute_nodes_count", "hosts switched off", "", released),
            ("instances_count", "VMs that exist", "", int(instance.active.sum())),
            ("instance_migrations_count", "migrations", "", len(moves)),
            ("planned_live_migrations_count", "live migrations", "", live),
            ("planned_cold_migrations_count", "cold migrations", "", len(moves) - live),
        )
        ratio = 100 * released / instance.fleet.n_hosts
        return {
            "action_plan": {
                "strategy_name": self.strategy_name,
                "state": "RECOMMENDED",
                "global_efficacy": [
                    {
                        "name": "released_nodes_ratio",
                        "description": "hosts switched off",
                        "unit": "%",
                        "value": ratio,
                    }
                ],
                "efficacy_indicators": [
                    {"name": n, "description": d, "unit": u, "value": v} for n, d, u, v in indicators
                ],
            },
            "actions": actions,
        }
