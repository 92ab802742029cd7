"""Formats of carbon intensity files, one module for each source."""
