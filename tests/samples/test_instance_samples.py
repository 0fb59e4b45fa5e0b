"""Samples of instances: memory in either direction, empty samples, completeness, borders and label codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from learning_functions.generate.generation import generate
from learning_functions.samples.cut.labelled_segments import labelled_segments, memory_of
from learning_functions.samples.store.sample_store import open_store
from learning_functions.task import Sample, Settings, load_task
from tests.samples.blocks import HIGH, LUMBAR, TASK, blocks, scan_of, settings, verse
from utility_functions.anatomy.labels import VERSE_IDS, regressed_level
from utility_functions.files.cases import Scan, load_scan
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases


def drawn(scan: Scan, chosen: Settings, seed: int = 1) -> list[Sample]:
    return TASK.samples(scan, chosen, np.random.default_rng(seed))


def ids_in(sample: Sample, part: str) -> set[int]:
    return set(np.unique(sample.inputs[..., 0][getattr(sample, part) > 0]).tolist())


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("names", [LUMBAR, ("T11", "T12", "T13", "L1", "L2"), ("L3", "L4", "L5", "L6")])
def test_memory_holds_the_vertebrae_traversed_before(direction: str, names: tuple[str, ...]) -> None:
    """VerSe's T13 is 28, yet it lies above L1."""
    found_targets = set()
    for sample in drawn(verse(names), settings(direction=direction, patch=(16, 16, 64))):
        [target] = ids_in(sample, "targets")
        place = [VERSE_IDS[name] for name in names].index(target)
        passed = names[place + 1 :] if direction == "up" else names[:place]
        shown = {VERSE_IDS[name] for name in passed} & set(np.unique(sample.inputs).tolist())
        assert ids_in(sample, "memory") == shown
        assert sample.numbers is not None and sample.numbers[2] == regressed_level(names[place])
        found_targets.add(target)
    assert len(found_targets) == len(names), "each vertebra as often as any other"


def test_a_third_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="up or down"):
        memory_of(np.zeros(3, np.uint8), 1, "left")
    with pytest.raises(ValueError, match="one of up, down"):
        settings().choosing(TASK, direction="left")
    with pytest.raises(ValueError, match="fixed for this task"):
        settings().choosing(load_task("detection"), direction="up")
    assert settings().choosing(TASK, direction=None) == settings()
    assert settings().choosing(TASK, direction="up").options.direction == "up"


@pytest.mark.parametrize("count", [5, 20, 25])
@pytest.mark.parametrize("seed", range(3))
def test_every_fifth_sample_has_everything_in_memory(count: int, seed: int) -> None:
    samples = drawn(verse(LUMBAR), settings(count, empty_fraction=0.2, empty_at_end=0.5), seed)
    empty = [sample for sample in samples if not sample.targets.any()]
    assert len(empty) == count // 5
    for sample in empty:
        np.testing.assert_array_equal(sample.memory, sample.inputs[..., 0] > 0)
        assert not sample.weights.any() and sample.numbers.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("direction", "last"), [("up", "T12"), ("down", "L5")])
def test_empty_samples_lie_at_the_end_of_the_traversal(direction: str, last: str) -> None:
    chosen = settings(direction=direction, empty_fraction=1.0, empty_at_end=1.0, patch=(16, 16, 8))
    for sample in drawn(verse(LUMBAR), chosen):
        assert VERSE_IDS[last] in ids_in(sample, "memory")


@pytest.mark.parametrize(("direction", "first"), [("up", "L5"), ("down", "T12")])
def test_a_fraction_of_samples_shows_the_first_vertebra(direction: str, first: str) -> None:
    chosen = settings(200, direction=direction, first_fraction=0.5, patch=(16, 16, 8))
    shown = [ids_in(sample, "targets") for sample in drawn(verse(LUMBAR), chosen)]
    fraction = shown.count({VERSE_IDS[first]}) / len(shown)
    assert 0.5 + 0.5 / len(LUMBAR) - 0.1 < fraction < 0.5 + 0.5 / len(LUMBAR) + 0.1
    all_of_them = drawn(verse(LUMBAR), settings(direction=direction, first_fraction=1.0, patch=(16, 16, 8)))
    assert all(not sample.memory.any() for sample in all_of_them)


def test_memory_dropout_keeps_the_neighbour() -> None:
    for sample in drawn(verse(LUMBAR), settings(memory_dropout=1.0, patch=(16, 16, 64))):
        [target] = ids_in(sample, "targets")
        assert ids_in(sample, "memory") <= {target - 1}


def test_a_patch_is_cut_round_a_voxel_of_the_vertebra_and_never_moved() -> None:
    for sample in drawn(verse(LUMBAR), settings(patch=(64, 64, 64))):
        assert sample.targets[32, 32, 32] == 1
        assert (sample.inputs[0] == 0).all(), "outside the scan is its minimum"


def completeness(sample: Sample) -> tuple[float, float]:
    return float(sample.numbers[0]), float(sample.numbers[1])


def test_the_visible_fraction_is_stored() -> None:
    whole = 8 * 10 * HIGH
    fractions = set()
    for sample in drawn(verse(LUMBAR), settings(patch=(12, 12, 6))):
        fraction, complete = completeness(sample)
        assert fraction == pytest.approx(sample.targets.sum() / whole) and complete == 1
        fractions.add(round(fraction, 2))
    assert len(fractions) > 3 and max(fractions) <= 1


def test_a_truncated_vertebra_is_never_complete() -> None:
    for sample in drawn(verse(LUMBAR, edge=0), settings(patch=(64, 64, 64))):
        [target] = ids_in(sample, "targets")
        assert completeness(sample) == (1.0, float(target not in (VERSE_IDS["T12"], VERSE_IDS["L5"])))


def test_weights_are_those_of_the_whole_vertebra() -> None:
    scan = verse(LUMBAR)
    [segment] = labelled_segments(scan, settings().spec)
    for sample in drawn(scan, settings(patch=(4, 4, 4))):
        assert sample.weights.max() == 255 or sample.targets.all()
    near = segment.weights_near(1)
    assert near.voxels.max() == 255 and not near.voxels[0].any()


def test_unknown_levels_are_not_targets() -> None:
    for sample in drawn(scan_of(blocks((3, 2, 1)), "spider"), settings()):
        assert sample.numbers[2] == 0 and sample.targets.any()


def test_scans_without_usable_labels_are_refused() -> None:
    scan = verse(LUMBAR)
    with pytest.raises(ValueError, match="learnt from label maps"):
        drawn(replace(scan, label_map=None), settings())
    with pytest.raises(ValueError, match="No vertebra lies inside"):
        drawn(scan_of(blocks((26,))), settings())


def folder_of(form: str, folder: Path) -> Path:
    """A made data set of two scans in the form of CSI 2014, of VerSe, of SPIDER, or of a manifest."""
    for number in (1, 2):
        numbers = {"CSI 2014": (100, 200, 300), "SPIDER": (3, 2, 1)}.get(form, (22, 23, 24))
        scan = scan_of(blocks(numbers))
        assert scan.label_map is not None
        image, labels = {
            "CSI 2014": (f"case{number}.mhd", f"case{number}_label.mhd"),
            "VerSe": (
                f"rawdata/sub-v{number}/sub-v{number}_ct.nii.gz",
                f"derivatives/sub-v{number}/sub-v{number}_seg-vert_msk.nii.gz",
            ),
            "SPIDER": (f"images/{number}_t1.mha", f"masks/{number}_t1.mha"),
            "manifest": (f"a{number}.nii.gz", f"truth{number}.nii.gz"),
        }[form]
        for path in (image, labels):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
        write_image(scan.volume, folder / image)
        write_image(scan.label_map, folder / labels)
    if form == "manifest":
        rows = "".join(f"a{number},training,a{number}.nii.gz,truth{number}.nii.gz,\n" for number in (1, 2))
        (folder / "list.csv").write_text("name,type,image_path,mask_path,centroid_json_path\n" + rows)
        return folder / "list.csv"
    return folder


@pytest.mark.parametrize(
    ("form", "levels"), [("CSI 2014", {0}), ("SPIDER", {0}), ("VerSe", {22, 23, 24}), ("manifest", {22, 23, 24})]
)
def test_samples_are_cut_from_every_form_of_data_set(form: str, levels: set[int], tmp_path: Path) -> None:
    cases = find_cases(folder_of(form, tmp_path / "set"))
    assert len(cases) == 2
    made = generate("instances", cases, tmp_path / "s.h5", settings(6), workers=1)
    store = open_store(tmp_path / "s.h5")
    assert (made.scans, store.count, store.numbers_names) == (2, 12, TASK.numbers)
    levels_learnt = {sample.numbers[2] for sample in drawn(load_scan(cases[0]), settings(12))}
    assert levels_learnt == ({regressed_level(name) for name in ("L3", "L4", "L5")} if levels != {0} else {0})
