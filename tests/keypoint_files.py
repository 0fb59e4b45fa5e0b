"""Small folders of keypoints in VID's format."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from utility_functions.anatomy.labels import region_of


def write(folder: Path, name: str, levels: dict[str, np.ndarray], size: float = 1.0) -> None:
    """Truth and detections of one scan in VID's format; the detections are in reverse order."""
    for part in ("truth", "predictions"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    truth, detected = [], []
    for level, point in levels.items():
        x, y, z = (float(value) for value in point * size * (-1, -1, 1))
        place = {"world_space": [x, y, z]}
        truth.append({"coordinates": place, "type": {"keypoint_type": "body", "spine_level": level}})
        region = "CTL".index((region_of(level) or "L")[0])
        regions = {
            "keypoint_type": "body",
            "spine_segment_probabilities": [0.98 if k == region else 0.02 for k in range(3)],
        }
        detected.append({"coordinates": place, "type": regions})
    (folder / "truth" / f"{name}.json").write_text(json.dumps(truth))
    (folder / "predictions" / f"{name}.json").write_text(json.dumps(detected[::-1]))
