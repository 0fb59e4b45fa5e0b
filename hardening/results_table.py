"""The table of docs/results/hardening.md: what was drawn, with date, seed and command, and what became of it."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from hardening.hostile_draw import HostileOutcome
from hardening.input_draw import InputDraw
from hardening.orientations import Placed
from hardening.reading_process import FAULT, REFUSED, RIGHT
from hardening.run_remains import Disturbed
from utility_functions.files.atomic_write import write_text

PAGE = Path(__file__).resolve().parent.parent / "docs" / "results" / "hardening.md"
BEGIN, END = "<!-- figures -->", "<!-- end of figures -->"


def table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(str, row))} |" for row in lines)


def inputs_text(draw: InputDraw) -> str:
    """Broken inputs by their kind."""
    rows: list[tuple[object, ...]] = []
    total: Counter[str] = Counter()
    for name, counts in sorted(draw.counts().items()):
        total += counts
        rows.append((name, counts.total(), counts[RIGHT], counts[REFUSED], counts[FAULT]))
    rows.append(("all", total.total(), total[RIGHT], total[REFUSED], total[FAULT]))
    slowest = max(one.seconds for one in draw.outcomes)
    largest = max(one.peak for one in draw.outcomes) / 2**20
    return (
        "### Broken inputs\n\n"
        + table(("input", "drawn", "answered", "refused in one sentence", "faults"), rows)
        + f"\n\nThe slowest took {slowest:.1f} s, the largest {largest:.0f} MB beyond what its process held."
    )


def runs_text(title: str, runs: Sequence[Disturbed]) -> str:
    """Disturbed runs by script and by what disturbed them."""
    rows = []
    for kind in sorted({(one.script, one.how.split()[0]) for one in runs}):
        these = [one for one in runs if (one.script, one.how.split()[0]) == kind]
        wrong = sum(bool(one.wrong) for one in these)
        rows.append((f"`{kind[0]}.py`", kind[1], len(these), len(these) - wrong, wrong))
    headings = ("script", "by", "runs", "right", "faults")
    return f"### {title}\n\n" + table(headings, rows)


def hostile_text(outcomes: Sequence[HostileOutcome]) -> str:
    groups = {"model": 0, "checkpoint": 0, "samples": 0, "others": 0}
    refused = dict(groups)
    for one in outcomes:
        known = one.name.split(":")[0]
        group = known if known in groups else "others" if one.name.startswith(OTHERS) else "model"
        groups[group] += 1
        refused[group] += one.refused
    rows = [(name, count, refused[name], count - refused[name]) for name, count in groups.items() if count]
    slowest = max(one.seconds for one in outcomes)
    largest = max(one.peak for one in outcomes) / 2**20
    return (
        "### Hostile files\n\n"
        + table(("kind", "files", "refused before anything ran", "faults"), rows)
        + f"\n\nThe slowest refusal took {slowest:.1f} s, the largest {largest:.0f} MB."
    )


OTHERS = ("DICOM", "JSON", "voxels", "probabilities")


def places_text(places: Sequence[Placed]) -> str:
    rows = []
    for name in sorted({one.format for one in places}):
        these = [one for one in places if one.format == name]
        rows.append((name, len(these), f"{max(one.voxels for one in these):.2g}", sum(not one.right for one in these)))
    headings = ("format", "grids", "largest distance, voxels", "faults")
    return "### Orientations\n\n" + table(headings, rows)


def write_page(parts: Sequence[str], command: str, seconds: float) -> None:
    """Put the tables between the marks of the page."""
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    day = datetime.date.today().isoformat()
    head = f"    {command}\n\n{day}, {seconds / 60:.0f} minutes."
    body = "\n\n".join([head, *parts])
    write_text(PAGE, f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")
