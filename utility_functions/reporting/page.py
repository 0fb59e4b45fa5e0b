"""HTML pages that open offline, from the templates of this folder; whatever stands in them is escaped."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from utility_functions.files.atomic_write import write_text


def write_page(path: Path, **context: Any) -> None:
    """The page at ``path`` from the template of its name."""
    write_text(path, _templates().get_template(path.name).render(context))


@cache
def _templates() -> Environment:
    loader = PackageLoader("utility_functions.reporting", "templates")
    found = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.tests["missed"] = missed
    return found


def missed(cell: str) -> bool:
    """Whether a cell shows an error: "miss", or "3 of 4"."""
    counts = re.match(r"(\d+) of (\d+)", cell)
    return cell == "miss" or (counts is not None and counts[1] != counts[2])
