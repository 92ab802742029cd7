"""Files that are no carbon intensity, or do not say their unit: what to do with them instead."""

from __future__ import annotations

from consolidate.carbon.content import Content

__all__ = ["look_alike"]

TIDY = "a tidy file has the columns timestamp_utc, g_per_kwh"


def look_alike(content: Content) -> str:
    """Return words that tell the owner of an unknown file how to go on."""
    if content.kind == "json":
        document = content.document
        keys = list(document)[:8] if isinstance(document, dict) else ["a list"]
        return f"the JSON holds {', '.join(keys) or 'nothing'}; {TIDY}"
    if content.kind == "xml":
        return (
            "of XML files, those of ENTSO-E about generation (GL_MarketDocument) are known; "
            "a price or load document holds no generation"
        )
    if content.kind == "parquet":
        return "a Parquet file has the columns timestamp, carbon_intensity (g/kWh)"
    header = content.header
    lower = {name.lower() for name in header}
    if {"cloud-region", "em-zone-id"} <= lower:
        return (
            "it lists yearly figures of cloud regions: look up yours and give it as a constant, "
            "constant_intensity(zone, grid, g_per_kwh=...)"
        )
    if header[:1] == ("",) and header[-1:] == ("sum",):
        return (
            "its columns are flows over borders in MW, not intensities: read the file of the generation"
        )
    if len(header) == 2:
        time, value = header
        return (
            f"it does not say its unit. If you know it, read it with format='tidy', "
            f"time_column={time!r}, value_column={value!r}, unit='g_per_kwh' (or lb_per_mwh, "
            f"kg_per_kwh), kind and scope; {TIDY}"
        )
    return f"the header is {', '.join(header)}; {TIDY}"
