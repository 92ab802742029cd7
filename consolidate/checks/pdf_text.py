"""The lines of text of our own PDF files, in the order in which they were written."""

from __future__ import annotations

import re
import zlib

__all__ = ["pdf_lines"]

_OBJECT = re.compile(rb"(\d+) 0 obj\s(.*?)\sendobj", re.DOTALL)
_STREAM = re.compile(rb"stream\r?\n")
_BLOCK = re.compile(rb"BT\s(.*?)\sET\s", re.DOTALL)
_FONT = re.compile(rb"/([A-Za-z]+\d+)\s+(\d+) 0 R")
_CHAR = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>")
_RANGE = re.compile(rb"<([0-9A-Fa-f]+)>\s*<([0-9A-Fa-f]+)>\s*(?:<([0-9A-Fa-f]+)>|\[(.*?)\])", re.DOTALL)
_TOKEN = re.compile(rb"/([A-Za-z]+\d+)\s+[\d.]+\s+Tf|\(")
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

Codes = dict[int, str]


def pdf_lines(content: bytes) -> list[str]:
    """Return the text of each block of text; codes become characters by the maps of their fonts."""
    objects = {int(m.group(1)): m.group(2) for m in _OBJECT.finditer(content)}
    fonts = _fonts(objects)
    lines = []
    for body in objects.values():
        page = _unpacked(body)
        if b"BT" in page and b"Tf" in page:
            lines += [_text(block.group(1), fonts) for block in _BLOCK.finditer(page)]
    return lines


def _unpacked(body: bytes) -> bytes:
    stream = _STREAM.search(body)
    if stream is None:
        return b""
    # The data say themselves where they end: their last byte may look like the end of a line.
    raw = body[stream.end() :]
    try:
        return zlib.decompressobj().decompress(raw)
    except zlib.error:
        return raw


def _fonts(objects: dict[int, bytes]) -> dict[bytes, Codes]:
    """Return the map from codes to characters of each font, by the name that pages use."""
    fonts: dict[bytes, Codes] = {}
    for body in objects.values():
        if b"stream" in body:
            continue
        for name, number in _FONT.findall(body):
            font = objects.get(int(number), b"")
            reference = re.search(rb"/ToUnicode\s+(\d+) 0 R", font)
            if reference:
                fonts[name] = _codes(_unpacked(objects.get(int(reference.group(1)), b"")))
    return fonts


def _codes(table: bytes) -> Codes:
    codes: Codes = {}
    for part in re.findall(rb"beginbfchar(.*?)endbfchar", table, re.DOTALL):
        codes |= {int(code, 16): _utf16(text) for code, text in _CHAR.findall(part)}
    for part in re.findall(rb"beginbfrange(.*?)endbfrange", table, re.DOTALL):
        for low, high, first, several in _RANGE.findall(part):
            texts = re.findall(rb"<([0-9A-Fa-f]+)>", several)
            for k, code in enumerate(range(int(low, 16), int(high, 16) + 1)):
                if first:
                    codes[code] = chr(int(first, 16) + k)
                elif k < len(texts):
                    codes[code] = _utf16(texts[k])
    return codes


def _utf16(digits: bytes) -> str:
    return bytes.fromhex(digits.decode("ascii")).decode("utf-16-be", "replace")


def _text(block: bytes, fonts: dict[bytes, Codes]) -> str:
    """Return the text of a block, which may change its font on the way."""
    out, codes, at = "", {}, 0
    while (token := _TOKEN.search(block, at)) is not None:
        if token.group(1):
            codes, at = fonts.get(token.group(1), {}), token.end()
            continue
        raw, at = _string(block, token.end())
        pairs = (int.from_bytes(raw[k : k + 2]) for k in range(0, len(raw) - 1, 2))
        out += "".join(codes.get(code, chr(code)) for code in pairs)
    return out


def _string(block: bytes, at: int) -> tuple[bytes, int]:
    """Return the literal string that starts at a place, escapes undone, and the place after it."""
    out, depth = bytearray(), 1
    while at < len(block):
        char = block[at : at + 1]
        at += 1
        if char == b"\\":
            octal = re.match(rb"[0-7]{1,3}", block[at : at + 3])
            if octal:
                out.append(int(octal.group(), 8) & 255)
                at += len(octal.group())
            else:
                out += _ESCAPES.get(block[at : at + 1], block[at : at + 1])
                at += 1
            continue
        depth += (char == b"(") - (char == b")")
        if not depth:
            break
        out += char
    return bytes(out), at
