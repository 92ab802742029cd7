"""Named collections of components, filled by decorator and by entry points.

Each extension point (trace readers, policies, rules, power models, carbon sources, exporters) is one
:class:`Registry`. Built-in components name their module and are imported on first use, so that listing
names costs nothing.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator
from importlib import import_module, metadata
from typing import Generic, TypeVar

from consolidate.errors import UnknownNameError

__all__ = ["Registry"]

T = TypeVar("T")


class Registry(Generic[T]):
    """A collection of components of one kind, by name.

    Parameters
    ----------
    kind
        What the components are, in words, for error messages ("trace format").
    entry_point_group
        Group under which installed packages may add components.
    builtin
        Name to ``"module:attribute"`` of the components shipped here.
    """

    def __init__(
        self, kind: str, *, entry_point_group: str, builtin: dict[str, str] | None = None
    ) -> None:
        self.kind = kind
        self._group = entry_point_group
        self._lazy: dict[str, str] = dict(builtin or {})
        self._loaded: dict[str, T] = {}
        self._entry_points: dict[str, metadata.EntryPoint] | None = None

    def register(self, name: str) -> Callable[[T], T]:
        """Return a decorator that adds a component under ``name``.

        Raises
        ------
        ValueError
            When the name is taken by another component.
        """

        def add(component: T) -> T:
            taken = name in self._loaded or name in self._lazy
            if taken and self.get(name) is not component:
                msg = f"{self.kind} {name!r} is already registered"
                raise ValueError(msg)
            self._loaded[name] = component
            return component

        return add

    def names(self) -> tuple[str, ...]:
        """Return every known name, sorted."""
        return tuple(sorted({*self._lazy, *self._loaded, *self._plugins()}))

    def get(self, name: str) -> T:
        """Return the component called ``name``.

        Raises
        ------
        UnknownNameError
            When there is none; it carries the nearest known name.
        """
        if name not in self._loaded:
            if name in self._lazy:
                module, _, attribute = self._lazy[name].partition(":")
                self._loaded[name] = getattr(import_module(module), attribute)
            elif name in self._plugins():
                self._loaded[name] = self._plugins()[name].load()
            else:
                known = self.names()
                near = difflib.get_close_matches(name, known, n=1)
                raise UnknownNameError(self.kind, name, known=known, nearest=near[0] if near else None)
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        return name in self.names()

    def _plugins(self) -> dict[str, metadata.EntryPoint]:
        if self._entry_points is None:
            self._entry_points = {p.name: p for p in metadata.entry_points(group=self._group)}
        return self._entry_points
