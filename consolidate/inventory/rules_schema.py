"""Keys and types of a rules file; imports msgspec, so it is imported only while reading."""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ["RuleTable", "RulesTable"]


class RuleTable(msgspec.Struct, frozen=True, kw_only=True):
    """``[[rule]]``."""

    name: str
    vms: list[str] | None = None
    group: str | None = None
    hosts: list[str] | None = None
    sites: list[str] | None = None
    sites_tagged: list[str] | None = None
    sites_within_ms: float | None = None
    users: str | None = None
    others: list[str] | None = None
    other_group: str | None = None
    most: int | None = None
    resource: str | None = None
    least: int | None = None
    unit: str | None = None
    parts: list[list[str]] | None = None
    zones: list[list[str]] | None = None
    continuous: bool | None = None


class RulesTable(msgspec.Struct, frozen=True, kw_only=True):
    """The file; its rules are decoded one by one."""

    rule: list[Any] = []
