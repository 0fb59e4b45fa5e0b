"""NAME_view.html: a scan in slices and 3D, with its labels and levels; it opens offline by double click.

NiiVue (Hanayik, Rorden et al.) draws it. The volumes stand in the page itself, since a page opened from a file may read
no other file; NiiVue's script lies beside it.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from markupsafe import Markup

from utility_functions.anatomy.labels import LEVELS, SACRAL, VERTEBRAE
from utility_functions.files.annotations import markups
from utility_functions.files.provenance import GENERATOR, SCRIPT
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.quarter_turns import turn_matrix, turned
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings
from utility_functions.records.turned_findings import turned_findings
from utility_functions.reporting.dicom_codes import VERTEBRA
from utility_functions.reporting.label_names import colour_bytes
from utility_functions.reporting.level_colours import level_colour
from utility_functions.reporting.niivue_script import write_niivue
from utility_functions.reporting.page import write_page
from utility_functions.reporting.spine_segments import Segment, spine_segments
from utility_functions.reporting.view_volumes import MOST_BYTES, ViewVolumes, view_volumes
from utility_functions.reporting.views import is_ct, window

TEMPLATE, SCRIPT_OF_PAGE = "view.html", "view.js"
CT_WINDOWS: Mapping[str, tuple[float, float]] = {
    "Bone": (-450.0, 1050.0),
    "Bone, narrow": (-100.0, 700.0),
    "Soft tissue": (-150.0, 250.0),
    "Lung": (-1350.0, 150.0),
}
"""The intensities shown black and white, in HU."""
OFFERED = (*VERTEBRAE, *SACRAL)
"""The names that a level may be given by hand."""


def write_view(findings: Findings, volume: Volume, path: Path, most_bytes: int = MOST_BYTES) -> None:
    """Write the page of one scan to ``path``, and NiiVue's script beside it.

    findings: with maps on any grid, in the frame of ``volume``. What is shown is in patient orientation; what the page
    writes is in the scan's own frame. Vertebrae are labelled, and beside them sacrum, discs, canal and cord where they
    were found, as in DICOM segmentations. most_bytes: of the volumes, compressed.
    Raises: ValueError where no NiiVue is installed.
    """
    turns = findings.quarter_turns
    image = turned(volume, turns)
    shown = turned_findings(findings, turns).placed_on(image.grid)
    drawn = spine_segments(shown)
    labels = LabelMap(drawn.voxels, image.grid) if drawn.segments else None
    volumes = view_volumes(image, labels, shown.landmarks, most_bytes)
    write_niivue(Path(path).parent)
    write_page(
        path,
        TEMPLATE,
        case_id=findings.case_id,
        turned=turns != 0,
        notes=findings.notes,
        niivue=quote(SCRIPT),
        generator=GENERATOR,
        script=Markup((resources.files(__package__) / "templates" / SCRIPT_OF_PAGE).read_text(encoding="utf-8")),
        volumes={name: base64.b64encode(getattr(volumes, name)).decode() for name in ("image", "labels")},
        facts=_facts(shown, findings.landmarks, image, drawn.segments, volumes),
    )


def _facts(
    shown: Findings, own: Landmarks | None, image: Volume, segments: Sequence[Segment], volumes: ViewVolumes
) -> dict[str, Any]:
    """What the page's script knows of the scan."""
    naming, landmarks = shown.naming, shown.landmarks or Landmarks.empty()
    levels = []
    for place, (name, point) in enumerate(landmarks):
        found: dict[str, Any] = {"name": name, "mm": np.round(point, 3), "colour": colour_bytes(level_colour(name))}
        if naming is not None:
            found |= {"probability": naming.posterior.get(name), "words": naming.in_words(name)}
            found |= {"interpolated": name in naming.interpolated}
        levels.append({"place": place, **found})
    return {
        "case_id": shown.case_id,
        "levels": levels,
        "labels": [_label(place, segment) for place, segment in enumerate(segments, 1)],
        "windows": dict(CT_WINDOWS) if is_ct(image) else {"Usual": window(image)},
        "window": list(window(image)),
        "unit": "HU" if is_ct(image) else "",
        "spacing_mm": volumes.grid.spacing_mm,
        "order": list(LEVELS),
        "variants": ["T13", "L6"],
        "offered": list(OFFERED),
        "to_file": turn_matrix(-shown.quarter_turns),
        "markups": markups(own or Landmarks.empty()),
    }


def _label(number: int, segment: Segment) -> dict[str, Any]:
    """A number of the map that is shown. other: whether it is no vertebra."""
    other = segment.label not in VERTEBRAE and segment.kind != VERTEBRA
    return {"number": number, "name": segment.label, "colour": colour_bytes(segment.colour), "other": other}
