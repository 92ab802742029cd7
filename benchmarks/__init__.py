"""Frozen instances and policies, side by side in one run."""
