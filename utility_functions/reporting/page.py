"""HTML pages that open offline, from the templates of this folder; whatever stands in them is escaped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from utility_functions.files.atomic_write import write_text
from utility_functions.json_records import json_text


def write_page(path: Path, template: str | None = None, /, **context: Any) -> None:
    """The page at ``path`` from a template, by default that of its name."""
    write_text(path, _templates().get_template(template or path.name).render(context))


@cache
def _templates() -> Environment:
    loader = PackageLoader("utility_functions.reporting", "templates")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.tests["missed"] = missed
    found.policies["json.dumps_function"] = lambda value, **_: json_text(value)
    return found


def missed(cell: str) -> bool:
    """Whether a cell shows an error: "miss", or "3 of 4"."""
    counts = re.match(r"(\d+) of (\d+)", cell)
    return cell == "miss" or (counts is not None and counts[1] != counts[2])
