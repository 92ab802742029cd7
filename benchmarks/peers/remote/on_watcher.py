"""Runs under Watcher's environment: its strategy ``vm_workload_consolidation`` on one snapshot."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

from watcher.decision_engine.model import element, model_root
from watcher.decision_engine.strategy.strategies import vm_workload_consolidation
from wire import serve

#: GB; disks are no matter here, yet the strategy divides by their size.
_NODE_DISK, _VM_DISK = 1_000_000, 1


class _Metrics:
    """The telemetry that the strategy asks for: what each VM needs, and nothing of the hosts."""

    def get_instance_cpu_usage(self, **_: Any) -> float:
        return 100.0

    def get_instance_ram_usage(self, resource: Any, **_: Any) -> int:
        return int(resource.memory)

    get_instance_ram_allocated = get_instance_ram_usage

    def get_instance_root_disk_size(self, **_: Any) -> int:
        return _VM_DISK

    def get_host_cpu_usage(self, *_: Any, **__: Any) -> None:
        return None

    get_host_ram_usage = get_host_cpu_usage


def prepare(snapshot: Any) -> Any:
    """Build the cluster model; a vCPU of Watcher is one mcore here, which keeps fractions exact."""
    logging.disable(logging.CRITICAL)
    model = model_root.ModelRoot()
    for h, (cpu, memory) in enumerate(snapshot.capacity):
        model.add_node(
            element.ComputeNode(
                uuid=f"h{h}",
                hostname=f"h{h}",
                vcpus=cpu,
                vcpu_reserved=0,
                vcpu_ratio=1.0,
                memory=memory,
                memory_mb_reserved=0,
                memory_ratio=1.0,
                disk=_NODE_DISK,
                disk_gb_reserved=0,
                disk_ratio=1.0,
                status="enabled",
                state="up",
            )
        )
    for v, (cpu, memory) in enumerate(snapshot.need):
        instance = element.Instance(
            uuid=f"v{v}",
            name=f"v{v}",
            vcpus=cpu,
            memory=memory,
            disk=_VM_DISK,
            state="active",
            watcher_exclude=False,
        )
        model.add_instance(instance)
        model.map_instance(instance, model.get_node_by_uuid(f"h{snapshot.current[v]}"))
    strategy = vm_workload_consolidation.VMWorkloadConsolidation(
        config=SimpleNamespace(datasources=None), osc=SimpleNamespace()
    )
    # A running Watcher fills these from its collectors; there is no public way to hand them in.
    strategy._compute_model, strategy._datasource_backend = model, _Metrics()  # noqa: SLF001
    strategy.input_parameters = {"period": 3_600, "granularity": 300}
    return strategy


def decide(snapshot: Any, strategy: Any) -> tuple[list[int] | None, str]:
    """Run the four phases, then read where each VM is in the strategy's own model."""
    strategy.do_execute()
    model = strategy.compute_model
    placed = [int(model.get_node_by_instance_uuid(f"v{v}").uuid[1:]) for v in range(len(snapshot.need))]
    planned = sum(a["action_type"] == "migrate" for a in strategy.solution.actions)
    return placed, f"{planned} migrations in its plan"


serve(prepare, decide)
