"""Figures as SVG text: the same bytes each time, no style attributes, no foreign references."""

from __future__ import annotations

import io
import re
import warnings
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["figure_svg"]

_SVG: Final = "http://www.w3.org/2000/svg"
_LINK: Final = "{http://www.w3.org/1999/xlink}href"
#: Fonts of the page; all are narrower than the one that the layout was measured with.
_FONTS: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, Arial, sans-serif"
#: A hundredth of a point is finer than any screen or printer.
_LONG: Final = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE: Final = re.compile(r"url\(#([^)]+)\)")


def figure_svg(fig: Figure, *, name: str = "figure", title: str = "", description: str = "") -> str:
    """Return a figure as an ``svg`` element that can stand in a page or in a file.

    Every ``style`` attribute becomes presentation attributes, so that the element also shows under a
    content security policy that allows no inline style.

    Parameters
    ----------
    fig
        The figure; call inside :func:`consolidate.plotting.style`.
    name
        Prefix of all ids, so that several figures can share a page: letters, digits and hyphens.
    title, description
        What a screen reader says.
    """
    import matplotlib as mpl

    buffer = io.StringIO()
    with (
        mpl.rc_context({"svg.hashsalt": "consolidate", "svg.fonttype": "none"}),
        warnings.catch_warnings(),
    ):
        # The font only measures: a viewer draws the text with a font that has the letters.
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        fig.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    # Written by matplotlib a line above, not by a stranger: no entity can be in it.
    root = ET.fromstring(buffer.getvalue())  # noqa: S314
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    used = _references(root)
    for element in root.iter():
        _plain(element, name, used)
    # What the removed style sheet said of every element.
    root.attrib |= {"xmlns": _SVG, "stroke-linejoin": "round", "stroke-linecap": "butt"}
    root.attrib |= {"role": "img", "font-family": _FONTS}
    _describe(root, name, title, description)
    return ET.tostring(root, encoding="unicode", short_empty_elements=True)


def _references(root: ET.Element) -> set[str]:
    used = set()
    for element in root.iter():
        for value in element.attrib.values():
            used.update(_REFERENCE.findall(value))
        link = element.get(_LINK, "")
        if link.startswith("#"):
            used.add(link[1:])
    return used


def _plain(element: ET.Element, name: str, used: set[str]) -> None:
    """Drop namespaces and styles, and put the figure's name before each id that is referred to."""
    element.tag = element.tag.partition("}")[2]
    attributes: dict[str, str] = {}
    for key, value in element.attrib.items():
        if key == "style":
            attributes |= _presentation(value)
        elif key == "id":
            if value in used:
                attributes["id"] = f"{name}-{value}"
        elif key == _LINK:
            link = f"#{name}-{value[1:]}" if value.startswith("#") else value.replace("\n", "")
            attributes["href"] = link
        else:
            attributes[key] = _REFERENCE.sub(rf"url(#{name}-\1)", value)
    if element.tag == "path" and "d" in attributes:
        attributes["d"] = _LONG.sub(_shorter, " ".join(attributes["d"].split()))
    element.attrib.clear()
    element.attrib.update(attributes)


def _shorter(match: re.Match[str]) -> str:
    return f"{float(match.group()):.2f}".rstrip("0").rstrip(".")


def _presentation(style: str) -> dict[str, str]:
    """Turn ``a: b; c: d`` into attributes."""
    attributes: dict[str, str] = {}
    for declaration in style.split(";"):
        key, _, value = (part.strip() for part in declaration.partition(":"))
        if key == "font":
            attributes |= _font(value)
        elif key and key != "font-family" and not key.startswith("-"):
            attributes[key] = _REFERENCE.sub(r"url(#\1)", value)
    return attributes


def _font(shorthand: str) -> dict[str, str]:
    """Split the ``font`` shorthand, which has no attribute of its own; the family is the page's."""
    before, size = re.match(r"(.*?)\b([\d.]+px)", shorthand).groups()  # type: ignore[union-attr]
    attributes = {"font-size": size}
    for word in before.split():
        if word in ("italic", "oblique"):
            attributes["font-style"] = word
        elif word == "bold" or word.isdigit():
            attributes["font-weight"] = word
    return attributes


def _describe(root: ET.Element, name: str, title: str, description: str) -> None:
    labelled = []
    for position, (tag, text) in enumerate((("title", title), ("desc", description))):
        if text:
            element = ET.Element(tag, {"id": f"{name}-{tag}"})
            element.text = text
            root.insert(position, element)
            labelled.append(f"{name}-{tag}")
    if labelled:
        root.set("aria-labelledby", " ".join(labelled))
