"""``python -m consolidate``."""

from __future__ import annotations

from consolidate.cli import main

if __name__ == "__main__":
    main()
