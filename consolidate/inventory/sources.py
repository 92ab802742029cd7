"""Placement problems from the files of benchmark libraries, competitions and peers."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, runtime_checkable

from consolidate.errors import InputError
from consolidate.model import Instance
from consolidate.registry import Registry

__all__ = ["INSTANCE_SOURCES", "InstanceSource", "read_instance"]


@runtime_checkable
class InstanceSource(Protocol):
    """A format that holds a whole placement problem. The fields of the dataclass are its options."""

    name: ClassVar[str]

    @staticmethod
    def recognizes(path: Path) -> bool:
        """Say from names alone whether a path is probably of this format."""
        ...

    def read(self, path: Path) -> Instance:
        """Read the problem.

        Raises
        ------
        ConsolidateError
            When the files are malformed, or hold what an instance cannot express.
        """
        ...


INSTANCE_SOURCES: Registry[type[InstanceSource]] = Registry(
    "instance format",
    entry_point_group="consolidate.instance_sources",
    builtin={
        "btrplace": "consolidate.inventory.sources:Btrplace",
        "roadef-2012": "consolidate.inventory.sources:Roadef2012",
        "tianchi-2018": "consolidate.inventory.sources:Tianchi2018",
        "vector-packing": "consolidate.inventory.sources:VectorPackingFile",
    },
)


def read_instance(
    path: str | Path,
    *,
    format: str | InstanceSource | None = None,  # noqa: A002 - as read_trace calls it
) -> Instance:
    """Read a placement problem.

    Parameters
    ----------
    path
        File or folder.
    format
        Registry name, or a source with its options; found from the names of the files by default.

    Raises
    ------
    InputError
        When there is no such path, or no format recognizes it.
    """
    path = Path(path)
    if not path.exists():
        msg = f"{path}: there is no such file or folder"
        raise InputError(msg)
    if format is None:
        found = [name for name in INSTANCE_SOURCES if INSTANCE_SOURCES.get(name).recognizes(path)]
        if len(found) != 1:
            known = ", ".join(INSTANCE_SOURCES)
            msg = f"{path}: the format is not clear from the name; state it: {known}"
            raise InputError(msg)
        return INSTANCE_SOURCES.get(found[0])().read(path)
    source = INSTANCE_SOURCES.get(format)() if isinstance(format, str) else format
    return source.read(path)


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorPackingFile:
    """Vector bin packing as ``.vbp`` or ``.mvp`` of VPSolver: items are new VMs, bins are hosts."""

    name: ClassVar[str] = "vector-packing"

    @staticmethod
    def recognizes(path: Path) -> bool:
        """Say whether the name ends as such a file's."""
        return path.name.removesuffix(".gz").endswith((".vbp", ".mvp"))

    def read(self, path: Path) -> Instance:
        """Read the problem; its energy is proportional to the cost of the bins in use."""
        from consolidate.inventory.packing_instance import vector_packing_instance
        from consolidate.inventory.vector_packing import read_vector_packing

        return vector_packing_instance(read_vector_packing(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Btrplace:
    """Instance of BtrPlace (JSON): who is where, amounts, constraints."""

    name: ClassVar[str] = "btrplace"

    @staticmethod
    def recognizes(path: Path) -> bool:
        """Say whether the name ends as that of a JSON file."""
        return path.is_file() and path.name.removesuffix(".gz").endswith(".json")

    def read(self, path: Path) -> Instance:
        """Read hosts, VMs, the present placement, and the constraints as rules."""
        from consolidate.inventory.btrplace import read_btrplace_file
        from consolidate.inventory.btrplace_instance import btrplace_instance

        return btrplace_instance(read_btrplace_file(path), source=str(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class Roadef2012:
    """Model of the ROADEF/EURO challenge 2012: the part of it that is a placement problem.

    Parameters
    ----------
    assignment
        File with the present machine of each process; default: beside the model, with ``assignment`` for
        ``model`` in its name.
    """

    name: ClassVar[str] = "roadef-2012"
    assignment: str | None = None

    @staticmethod
    def recognizes(path: Path) -> bool:
        """Say whether the name begins as a model's."""
        return path.is_file() and path.name.startswith("model_")

    def read(self, path: Path) -> Instance:
        """Read model and assignment."""
        from consolidate.inventory.roadef import read_roadef
        from consolidate.inventory.roadef_instance import roadef_instance

        beside = path.with_name(path.name.removesuffix(".gz").replace("model", "assignment", 1))
        return roadef_instance(read_roadef(path, self.assignment or beside))


@dataclass(frozen=True, slots=True, kw_only=True)
class Tianchi2018:
    """Folder with the four files of the Alibaba Tianchi competition of 2018."""

    name: ClassVar[str] = "tianchi-2018"

    @staticmethod
    def recognizes(path: Path) -> bool:
        """Say whether the folder holds a table of applications."""
        return path.is_dir() and any(path.glob("*app_resources*"))

    def read(self, path: Path) -> Instance:
        """Read machines, instances, demand curves and interference rules."""
        from consolidate.inventory.tianchi import read_tianchi

        return read_tianchi(path)
