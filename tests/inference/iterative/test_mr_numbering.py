"""Vertebrae of a traversal in SPIDER's code, numbered from the bottom, with discs and canal found before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from learning_functions.inference.iterative.iterative_segmenter import seeds_of, segmented
from learning_functions.inference.iterative.mr_numbering import counted_centres, numbered_findings
from learning_functions.inference.iterative.patch_prediction import Instance
from learning_functions.inference.iterative.seeds import CentroidSeeds
from learning_functions.task import load_task, settings_of
from tests.inference.iterative.test_iterative_segmenter import PADDING, Reader, scan_of, settings
from tests.made_spines import spine
from tests.views import known_after, view_of
from utility_functions.anatomy.structures import structures_of
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.records.findings import Findings


def instance(labels: NDArray[np.integer], number: int, complete: float = 1.0) -> Instance:
    """A labelled vertebra as an instance of a traversal."""
    where = np.argwhere(labels == number)
    low, high = where.min(axis=0), where.max(axis=0) + 1
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    return Instance((int(low[0]), int(low[1]), int(low[2])), labels[box] == number, complete, np.nan)


def counted(true: LabelMap, structures: LabelMap | None = None, complete: Any = None, **options: Any) -> Findings:
    complete = complete or {}
    found = [instance(true.voxels, number, complete.get(number, 1.0)) for number in (3, 1, 2)]
    findings = Findings("scan", true.grid, structures=structures)
    view = view_of(Volume(np.zeros(true.grid.shape, np.float32), true.grid), findings, **options)
    return known_after(numbered_findings(view, found), view)


def test_masks_discs_and_canal_make_a_map_in_spider_s_code() -> None:
    true = spine(3)
    findings = counted(true, structures_of(true, "spider"))
    assert findings.numbered is not None and np.array_equal(findings.numbered.voxels, true.voxels)
    assert findings.completeness == {"1": 1.0, "2": 1.0, "3": 1.0}
    assert findings.instances is None and findings.landmarks is None, "no level was declared"


def test_without_a_model_of_discs_vertebrae_alone_are_numbered() -> None:
    true = spine(3)
    findings = counted(true)
    assert findings.numbered is not None
    assert np.array_equal(findings.numbered.voxels, np.where(true.voxels < 100, true.voxels, 0))


def test_a_truncated_end_gets_the_code_of_a_partly_visible_vertebra() -> None:
    true = spine(3)
    findings = counted(true, complete={3: 0.1, 2: 0.1})
    assert findings.numbered is not None and set(np.unique(findings.numbered.voxels)) == {0, 1, 2, 103}
    assert any("vertebra 3: truncated" in note for note in findings.notes)


def test_dropped_ends_change_no_other_number_or_name() -> None:
    """The declared lowest vertebra is the lowest visible one, also if truncated: else all names would shift by one."""
    true = spine(3)
    findings = counted(true, complete={1: 0.0}, truncated="drop", lowest="L5")
    assert findings.numbered is not None and set(np.unique(findings.numbered.voxels)) == {0, 2, 3}
    assert np.array_equal(findings.numbered.voxels == 2, true.voxels == 2)
    assert findings.landmarks is not None and findings.landmarks.names == ("L3", "L4")
    assert any("vertebra 1: truncated" in note and "left out" in note for note in findings.notes)


def test_numbered_vertebrae_are_named_where_the_lowest_is_declared() -> None:
    findings = counted(spine(3), lowest="L5")
    assert findings.landmarks is not None and findings.landmarks.names == ("L3", "L4", "L5")
    assert findings.instances is not None and set(np.unique(findings.instances.voxels)) == {0, 22, 23, 24}


def test_a_traversal_starts_at_numbered_vertebrae() -> None:
    true = spine(3)
    image = Volume(np.zeros(true.voxels.shape, np.float32), true.grid)
    first = seeds_of(Findings("scan", true.grid, numbered=true), image, (8, 8, 8), "up")[0]
    assert isinstance(first, CentroidSeeds)
    centres = counted_centres(true)
    assert len(centres) == 3 and [round(centre[2]) for centre in centres] == sorted(round(c[2]) for c in centres)


def test_a_whole_scan_is_traversed_upwards_and_numbered() -> None:
    image, truth = scan_of(4)
    options = settings("up").with_options(counted=True)
    found = segmented(Reader(image, "up"), options, view_of(image, padding=PADDING))
    assert found.numbered is not None and found.landmarks is None and found.trail is not None
    names = np.unique(truth.voxels)[1:][::-1]  # from the bottom
    for number, name in enumerate(names, start=1):
        assert np.array_equal(found.numbered.voxels % 100 == number, truth.voxels == name)


def test_only_the_spider_preset_numbers_vertebrae() -> None:
    task = load_task("instances")
    assert {name for name in task.presets if settings_of(task, name).options.counted} == {"spider"}
