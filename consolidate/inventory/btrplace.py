"""Instances of BtrPlace (JSON): hosts, VMs, who is where, and constraints; plain or gzip.

The schema is that of https://github.com/btrplace/scheduler. Ids are whole numbers, kept as strings where
they are keys. Amounts are in the author's units.
"""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import Any

import msgspec

from consolidate.errors import TraceError

__all__ = ["BtrplaceConstraint", "BtrplaceFile", "BtrplaceView", "read_btrplace_file"]


class BtrplaceHost(msgspec.Struct, frozen=True, kw_only=True):
    """A host that is on, and the VMs there."""

    runningVMs: list[int] = []  # noqa: N815 - names of the format
    sleepingVMs: list[int] = []  # noqa: N815


class BtrplaceMapping(msgspec.Struct, frozen=True, kw_only=True):
    """Who is where."""

    readyVMs: list[int] = []  # noqa: N815
    onlineNodes: dict[int, BtrplaceHost] = {}  # noqa: N815
    offlineNodes: list[int] = []  # noqa: N815


class BtrplaceAttributes(msgspec.Struct, frozen=True, kw_only=True):
    """What else is known of hosts and VMs: durations in seconds, memory in MB, rates in MB/s."""

    nodes: dict[int, dict[str, Any]] = {}
    vms: dict[int, dict[str, Any]] = {}


class BtrplaceView(msgspec.Struct, frozen=True, kw_only=True):
    """Amounts of a resource, names, or the network, by ``id``."""

    id: str
    rcId: str = ""  # noqa: N815
    defCapacity: int = 0  # noqa: N815
    defConsumption: int = 0  # noqa: N815
    nodes: dict[int, int] = {}
    vms: dict[int, int] = {}
    type: str = ""
    map: dict[str, int] = {}
    links: list[dict[str, Any]] = []
    switches: list[dict[str, Any]] = []


class BtrplaceConstraint(msgspec.Struct, frozen=True, kw_only=True):
    """One constraint; which fields it has depends on ``id``."""

    id: str
    vm: int | None = None
    vms: list[int] = []
    node: int | None = None
    nodes: list[int] = []
    parts: list[list[int]] = []
    vParts: list[list[int]] = []  # noqa: N815
    pParts: list[list[int]] = []  # noqa: N815
    rc: str = ""
    amount: int = 0
    ratio: float = 1.0
    continuous: bool = False

    @property
    def members(self) -> list[int]:
        """The VMs of the constraint, however many it speaks of."""
        return self.vms if self.vm is None else [*self.vms, self.vm]

    @property
    def places(self) -> list[int]:
        """The hosts of the constraint, however many it speaks of."""
        return self.nodes if self.node is None else [*self.nodes, self.node]


class BtrplaceModel(msgspec.Struct, frozen=True, kw_only=True):
    """The infrastructure."""

    mapping: BtrplaceMapping
    attributes: BtrplaceAttributes = BtrplaceAttributes()
    views: list[BtrplaceView] = []


class BtrplaceFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file."""

    model: BtrplaceModel
    constraints: list[BtrplaceConstraint] = []
    objective: Any = None


def read_btrplace_file(path: str | Path) -> BtrplaceFile:
    """Read a file as it is.

    Raises
    ------
    TraceError
        When it cannot be read or is no such file; names the place of the first wrong value.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
        if path.suffix == ".gz":
            raw = gzip.decompress(raw)
        return msgspec.json.decode(raw, type=BtrplaceFile)
    except (OSError, EOFError, zlib.error) as error:
        msg = f"cannot be read ({getattr(error, 'strerror', None) or error})"
        raise TraceError(msg, file=str(path)) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        msg = f"is no BtrPlace instance: {error}"
        raise TraceError(msg, file=str(path)) from error
