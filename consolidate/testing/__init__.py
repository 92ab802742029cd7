"""Public conformance tests: what a component of one's own has to satisfy."""

from __future__ import annotations

from consolidate.testing.readers import check_reader

__all__ = ["check_reader"]
