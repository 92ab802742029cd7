"""Options of a further arm in which idle VMs are parked or hosts fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from consolidate.model import Failures, Parking

__all__ = ["what_if_from", "what_if_options"]

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS = (
    click.option(
        "--park",
        metavar="all|VM,...",
        help="A further arm in which these VMs are written to storage while they are idle.",
    ),
    click.option(
        "--park-rule",
        type=click.Choice(["break-even", "always"]),
        default="break-even",
        show_default=True,
        help="Only where past idle times promise a gain, or whenever idle for long enough.",
    ),
    click.option(
        "--park-threshold",
        default=0.01,
        show_default=True,
        help="Share of its CPU allocation up to which a VM is idle.",
    ),
    click.option(
        "--park-after", default=3_600, show_default=True, metavar="S", help="Idle for so long, at least."
    ),
    click.option(
        "--storage",
        default=500.0,
        show_default=True,
        metavar="MIB_PER_S",
        help="Throughput of the storage for one VM.",
    ),
    click.option(
        "--failures",
        metavar="FILE",
        help="A further arm in which hosts fail: CSV with host_id, start_s, duration_s.",
    ),
    click.option(
        "--mtbf-hours",
        type=float,
        metavar="H",
        help="A further arm in which hosts fail at random: mean time between failures of a host.",
    ),
    click.option("--repair-hours", default=4.0, show_default=True, metavar="H", help="Time to repair."),
    click.option("--failure-seed", default=0, show_default=True, help="Seed of the failures."),
    click.option(
        "--restart-s", default=60, show_default=True, help="Time to start a VM again on another host."
    ),
    click.option(
        "--checkpoint-hours",
        default=24.0,
        show_default=True,
        metavar="H",
        help="The state of every VM is saved so often; 0 = never.",
    ),
)


def what_if_options(function: F) -> F:
    """Add the options to a command."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def what_if_from(folder: Path, given: dict[str, Any]) -> tuple[Parking | None, Failures | None]:
    """Return the policy and the failures that the options ask for."""
    from consolidate.model import Parking
    from consolidate.study.what_if import drawn_failures, parked_vms

    parking = None
    if given["park"] is not None:
        policy = Parking(
            threshold_fraction=given["park_threshold"],
            after_s=given["park_after"],
            rule=given["park_rule"],
            write_mib_per_s=given["storage"],
            read_mib_per_s=given["storage"],
        )
        parking = parked_vms(folder, given["park"], policy)
    failures = drawn_failures(
        folder,
        file=given["failures"],
        mtbf_hours=given["mtbf_hours"],
        repair_hours=given["repair_hours"],
        seed=given["failure_seed"],
        restart_s=given["restart_s"],
        checkpoint_hours=given["checkpoint_hours"],
    )
    return parking, failures
