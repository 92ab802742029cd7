"""Read placement rules from a TOML file."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from consolidate.errors import InstanceError, Issue
from consolidate.inventory.toml_tables import decode, load_toml, refuse, report_unknown
from consolidate.model import RULES, Fleet, Rule, VMs

if TYPE_CHECKING:
    from consolidate.inventory.rules_schema import RuleTable

__all__ = ["RULE_ALIASES", "read_rules"]

#: Names that other systems use; nothing behind this reader knows them.
RULE_ALIASES = {"anti_affinity": "spread", "affinity": "gather", "pin": "fence"}

_SITE_KEYS = ("sites", "sites_tagged", "sites_within_ms", "users")


def read_rules(path: str | Path, vms: VMs, fleet: Fleet) -> tuple[Rule, ...]:
    """Read placement rules.

    Each ``[[rule]]`` has a ``name`` (of the registry ``RULES``, or an alias), the VMs it speaks of
    (``vms``, a list of ids, or ``group``, which means every VM of that group), for some rules ``hosts``,
    or in place of hosts the sites that they are at (``sites``, names; ``sites_tagged``, words that a site
    has to have; ``sites_within_ms`` with ``users``, the longest round trip to a group of users; all that are
    given have to hold), and optionally ``continuous`` (must hold at every moment of a plan; default true).

    Parameters
    ----------
    path
        The TOML file.
    vms, fleet
        The VMs and hosts that the rules name.

    Returns
    -------
    The rules, in the order of the file.

    Raises
    ------
    ConfigError
        When a rule, VM, group, host or key is unknown, or a rule lacks what it needs; all problems at
        once, each with its dotted path.
    """
    from consolidate.inventory.rules_schema import RulesTable, RuleTable

    path = Path(path)
    problems: list[Issue] = []
    table = decode(load_toml(path), RulesTable, path="", problems=problems)
    reader = _Reader(vms, fleet, problems)
    rules = []
    for i, raw in enumerate(table.rule if table else []):
        entry = decode(raw, RuleTable, path=f"rule[{i}]", problems=problems)
        rule = reader.rule(entry, path=f"rule[{i}]") if entry else None
        if rule is not None:
            rules.append(rule)
    refuse(problems, source=path.name)
    return tuple(rules)


class _Reader:
    """Turns tables into rules, with the indices of VMs and hosts at hand."""

    def __init__(self, vms: VMs, fleet: Fleet, problems: list[Issue]) -> None:
        self.vm_ids = {vm: v for v, vm in enumerate(vms.ids)}
        self.host_ids = {host: h for h, host in enumerate(fleet.host_ids)}
        self.fleet = fleet
        self.groups: dict[str, list[int]] = {}
        for v, group in enumerate(vms.groups):
            if group:
                self.groups.setdefault(group, []).append(v)
        self.problems = problems

    def rule(self, table: RuleTable, *, path: str) -> Rule | None:
        before = len(self.problems)
        name = RULE_ALIASES.get(table.name, table.name)
        if name not in RULES:
            known = [*RULES.names(), *RULE_ALIASES]
            report_unknown("rule", table.name, known, path=f"{path}.name", problems=self.problems)
            return None
        kind: Any = RULES.get(name)
        fields = {field.name for field in dataclasses.fields(kind)}
        members: list[int] = []
        if "vms" in fields:
            members = self._members(table.vms, table.group, ("vms", "group"), path=path)
        elif table.vms is not None or table.group is not None:
            self._report(path, f"{table.name} speaks of hosts, not of VMs")
        options = self._options(table, fields, path=path)
        hosts = self._hosts(table, kind, path=path)
        for key, names, ids, who in (
            ("parts", table.parts, self.vm_ids, "VM"),
            ("zones", table.zones, self.host_ids, "host"),
        ):
            if key in fields:
                options[key] = self._sets(names, ids, who, path=f"{path}.{key}")
            elif names is not None:
                self._report(f"{path}.{key}", f"{table.name} takes no {key}")
        if len(self.problems) > before:
            return None
        if name == "root":
            members, hosts = self._homes(members, hosts, path=path)
        if hosts is not None:
            options["hosts"] = tuple(hosts)
        if len(self.problems) > before:
            return None
        try:
            if "vms" in fields:
                options["vms"] = tuple(members)
            rule: Rule = kind(**options)
        except InstanceError as error:
            self.problems += [Issue(path=path, message=issue.message) for issue in error.issues]
            return None
        return rule

    def _options(self, table: RuleTable, fields: set[str], *, path: str) -> dict[str, Any]:
        """Return what a rule has beside VMs and hosts; keys that it does not know are reported."""
        options: dict[str, Any] = {}
        if table.continuous is not None:
            options["continuous"] = table.continuous
        if "others" in fields:
            keys = ("others", "other_group")
            options["others"] = tuple(self._members(table.others, table.other_group, keys, path=path))
        elif table.others is not None or table.other_group is not None:
            self._report(path, f"{table.name} takes no other VMs")
        if "most" in fields and table.most is None:
            self._report(f"{path}.most", "needs a whole number")
        elif "most" not in fields and table.most is not None:
            self._report(f"{path}.most", f"{table.name} takes no limit")
        elif table.most is not None:
            options["most"] = table.most
        for key, given in (("resource", table.resource), ("least", table.least)):
            if key in fields and given is None:
                self._report(f"{path}.{key}", "needs a value")
            elif key not in fields and given is not None:
                self._report(f"{path}.{key}", f"{table.name} takes no {key}")
            elif given is not None:
                options[key] = given
        if "unit" in fields:
            options["unit"] = table.unit or "hosts"
        elif table.unit is not None:
            self._report(f"{path}.unit", f"{table.name} takes no unit")
        return options

    def _members(
        self, names: list[str] | None, group: str | None, keys: tuple[str, str], *, path: str
    ) -> list[int]:
        """Return the VMs that a rule lists, or those of the group that it names."""
        by_name, by_group = keys
        if (names is None) == (group is None):
            self._report(path, f"needs either {by_name} or {by_group}, and not both")
            return []
        if group is not None:
            if group not in self.groups:
                known = list(self.groups)
                report_unknown("group", group, known, path=f"{path}.{by_group}", problems=self.problems)
            return self.groups.get(group, [])
        if not names:
            self._report(f"{path}.{by_name}", "needs at least one VM")
        return self._indices("VM", names or [], self.vm_ids, path=f"{path}.{by_name}")

    def _sets(
        self, names: list[list[str]] | None, ids: dict[str, int], who: str, *, path: str
    ) -> tuple[tuple[int, ...], ...]:
        if not names:
            self._report(path, f"needs lists of {who} names")
        return tuple(
            tuple(self._indices(who, part, ids, path=f"{path}[{i}]"))
            for i, part in enumerate(names or [])
        )

    def _hosts(self, table: RuleTable, kind: Any, *, path: str) -> list[int] | None:
        takes_hosts = any(field.name == "hosts" for field in dataclasses.fields(kind))
        by_site = [key for key in _SITE_KEYS if getattr(table, key) is not None]
        if not takes_hosts:
            for key in ["hosts"] * (table.hosts is not None) + by_site:
                self._report(f"{path}.{key}", f"{table.name} takes no hosts")
            return None
        if by_site:
            if table.hosts is not None:
                self._report(f"{path}.hosts", f"needs either hosts or {by_site[0]}, and not both")
            return self._hosts_at(table, path=path)
        if not table.hosts and table.name == "licence_group":
            return []
        if not table.hosts:
            self._report(f"{path}.hosts", f"{table.name} needs at least one host")
            return None
        return self._indices("host", table.hosts, self.host_ids, path=f"{path}.hosts")

    def _hosts_at(self, table: RuleTable, *, path: str) -> list[int]:
        """Return the hosts at the sites that a rule describes."""
        sites, names = self.fleet.sites, [site.name for site in self.fleet.sites]
        chosen = set(range(len(sites)))
        for i, name in enumerate(table.sites or []):
            if name not in names:
                report_unknown("site", name, names, path=f"{path}.sites[{i}]", problems=self.problems)
        if table.sites is not None:
            chosen &= {k for k, name in enumerate(names) if name in table.sites}
        for tag in table.sites_tagged or []:
            chosen &= {k for k, site in enumerate(sites) if tag in site.tags}
        if (table.sites_within_ms is None) != (table.users is None):
            self._report(f"{path}.sites_within_ms", "needs users, and users need it")
        elif table.sites_within_ms is not None:
            round_trips = [dict(site.latency_ms).get(str(table.users)) for site in sites]
            if all(ms is None for ms in round_trips):
                known = sorted({users for site in sites for users, _ in site.latency_ms})
                report_unknown(
                    "group of users",
                    str(table.users),
                    known,
                    path=f"{path}.users",
                    problems=self.problems,
                )
            # A site of which nothing is known is not near.
            chosen &= {
                k for k, ms in enumerate(round_trips) if ms is not None and ms <= table.sites_within_ms
            }
        hosts = [h for h, k in enumerate(self.fleet.host_site.tolist()) if k in chosen]
        if not hosts:
            self._report(path, f"{table.name}: no host is at a site that is described so")
        return hosts

    def _homes(
        self, members: list[int], hosts: list[int] | None, *, path: str
    ) -> tuple[list[int], list[int]]:
        """Pair each VM of a root rule with its host, in the ascending order of VMs that rules keep."""
        hosts = hosts or []
        if len(hosts) == 1:
            hosts = hosts * len(members)
        if len(hosts) != len(members) or len(set(members)) != len(members):
            msg = (
                f"root needs each VM once, and one host or a host for each; "
                f"got {len(members)} VMs and {len(hosts)} hosts"
            )
            self._report(f"{path}.hosts", msg)
            return members, hosts
        pairs = sorted(zip(members, hosts, strict=True))
        return [v for v, _ in pairs], [h for _, h in pairs]

    def _indices(self, kind: str, names: list[str], known: dict[str, int], *, path: str) -> list[int]:
        found = []
        for i, name in enumerate(names):
            if name in known:
                found.append(known[name])
            else:
                report_unknown(kind, name, list(known), path=f"{path}[{i}]", problems=self.problems)
        return found

    def _report(self, path: str, message: str) -> None:
        self.problems.append(Issue(path=path, message=message))
