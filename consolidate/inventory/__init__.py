"""Descriptions of what is there: fleets, present placements, placement rules."""

from __future__ import annotations

from consolidate.inventory.embodied_table import EmbodiedServer, EmbodiedTable, read_embodied
from consolidate.inventory.fleet_file import fleet_names, read_fleet
from consolidate.inventory.ifca_cloud import MeasuredCloud, read_ifca_cloud
from consolidate.inventory.jobs_file import read_jobs
from consolidate.inventory.moves_table import read_moves
from consolidate.inventory.placement_file import read_placement, write_placement
from consolidate.inventory.power_tables import ServerCurve, ServerTable, read_server_curves
from consolidate.inventory.rules_file import RULE_ALIASES, read_rules
from consolidate.inventory.sized_fleet import sized_fleet
from consolidate.inventory.sources import INSTANCE_SOURCES, InstanceSource, read_instance

__all__ = [
    "INSTANCE_SOURCES",
    "RULE_ALIASES",
    "InstanceSource",
    "EmbodiedServer",
    "EmbodiedTable",
    "ServerCurve",
    "ServerTable",
    "MeasuredCloud",
    "fleet_names",
    "read_fleet",
    "read_ifca_cloud",
    "read_instance",
    "read_jobs",
    "read_moves",
    "read_placement",
    "read_rules",
    "read_embodied",
    "read_server_curves",
    "sized_fleet",
    "write_placement",
]
