"""A Griffe extension that turns this package's plain docstrings into Markdown."""

from __future__ import annotations

import re
from typing import Any

import griffe

ARGUMENT = re.compile(
    r"^(?P<names>[A-Za-z_]\w*(?:, ?[A-Za-z_]\w*)*)(?P<shape> \(.*?\)(?:,? or \(.*?\))*)?: (?P<text>\S.*)"
)
CODE = re.compile(r"(``?[^`]+``?)")


def to_markdown(text: str) -> str:
    """The docstring with its arguments ("name: what it is") as a list, and with asterisks and brackets escaped."""
    lines: list[str] = []
    inside = False
    for line in text.splitlines():
        found = ARGUMENT.match(line)
        if found:
            if not inside:
                lines.append("")
            shape = literal(found["shape"] or "")
            lines.append(f"- **{found['names']}**{shape}: {literal(found['text'])}")
        elif inside and line[:1] == " ":
            lines.append("    " + literal(line.strip()))
        else:
            if inside and line:
                lines.append("")
            lines.append(literal(line))
        inside = bool(found) or (inside and line[:1] == " ")
    return "\n".join(lines)


def literal(text: str) -> str:
    """The text with what Markdown would take for emphasis, tags and links escaped, code left as it is."""
    parts = CODE.split(text)
    return "".join(part if place % 2 else re.sub(r"([*<>\[\]_])", r"\\\1", part) for place, part in enumerate(parts))


class PlainDocstrings(griffe.Extension):
    """Rewrites each docstring when its object has been read."""

    def on_object(self, *, obj: griffe.Object, **_: Any) -> None:
        if obj.docstring is not None:
            obj.docstring.value = to_markdown(obj.docstring.value)
