"""What may go wrong while a plan is carried out, and how often."""

from __future__ import annotations

from dataclasses import dataclass, fields

from consolidate.errors import ConfigError

__all__ = ["Faults"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """Probabilities from 0 to 1; with all of them 0 nothing goes wrong.

    Parameters
    ----------
    setup, mid_copy
        A migration fails before it copies, and half-way; the VM runs on where it was. So does writing a VM
        to storage, and reading it from there: it then runs where it was, or is still in storage.
    lost_ack
        One of these succeeds, and nobody is told.
    boot
        A host does not come up.
    late_boot
        A host comes up after two to four times its boot time.
    power_off
        A shutdown is not confirmed; every other time the host never got the order.
    surge
        For each VM: it needs half as much CPU again for a while.
    created, resized, deleted
        For each VM: one like it is created, its memory changes, it is deleted.
    """

    setup: float = 0.0
    mid_copy: float = 0.0
    lost_ack: float = 0.0
    boot: float = 0.0
    late_boot: float = 0.0
    power_off: float = 0.0
    surge: float = 0.0
    created: float = 0.0
    resized: float = 0.0
    deleted: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not 0 <= value <= 1:
                msg = f"needs a probability from 0 to 1, got {value}"
                raise ConfigError(msg, path=f"faults.{field.name}")

    @classmethod
    def all(cls, probability: float) -> Faults:
        """Return faults of every kind with one probability."""
        return cls(**{field.name: probability for field in fields(cls)})
