"""Samples of instances: memory in either direction, the share of empty ones, completeness, borders and label codes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from learning_functions.samples.generation import generate
from learning_functions.samples.store import open_store
from learning_functions.samples.stretches import border_steps, labelled_stretches, memory_of
from learning_functions.task import Sample, Settings, load_task, settings_of
from utility_functions.anatomy.centroids import UnknownLevels
from utility_functions.anatomy.labelled import unbroken, vertebrae_in_order
from utility_functions.anatomy.labels import TOTALSEGMENTATOR_IDS, VERSE_IDS, regressed_level
from utility_functions.files.cases import Case, Scan, load_scan
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import LabelMap, Volume

TASK = load_task("instances")
SPACING = 4.0
HIGH, APART, EDGE = 5, 7, 4
LUMBAR = ("T12", "L1", "L2", "L3", "L4", "L5")


def blocks(numbers: tuple[int, ...], edge: int = EDGE, flipped: bool = False) -> LabelMap:
    """Vertebrae as blocks one above the other, from the top down, ``edge`` voxels from the map's ends."""
    length = APART * (len(numbers) - 1) + HIGH + 2 * edge
    voxels = np.zeros((20, 20, length), np.int16)
    for place, number in enumerate(numbers):
        top = length - edge - place * APART
        voxels[6:14, 5:15, top - HIGH : top] = number
    made = LabelMap(voxels, Grid.from_spacing(voxels.shape, SPACING))
    return made.reoriented("PIR") if flipped else made


def scan_of(label_map: LabelMap, code: str = "verse") -> Scan:
    """Each vertebra is as bright as its label, so that a sample tells what it shows."""
    volume = Volume(label_map.voxels.astype(np.int16), label_map.grid)
    return Scan(Case("blocks", Path("blocks.nii.gz"), label_code=code), volume, None, label_map)


def verse(names: tuple[str, ...], **options: Any) -> Scan:
    return scan_of(blocks(tuple(VERSE_IDS[name] for name in names), **options))


def settings(count: int = 20, patch: tuple[int, int, int] = (16, 16, 24), **options: Any) -> Settings:
    small = settings_of(TASK, "small")
    spec = replace(small.spec, patch=patch, spacing_mm=(SPACING,) * 3)
    plain = {"memory_drop": 0.0, "empty_share": 0.0, "empty_at_end": 0.0}
    return small.changed(spec=spec, samples_per_scan=count, options={**small.options, **plain, **options})


def drawn(scan: Scan, chosen: Settings, seed: int = 1) -> list[Sample]:
    return TASK.samples(scan, chosen, np.random.default_rng(seed))


def ids_in(sample: Sample, part: str) -> set[int]:
    return set(np.unique(sample.inputs[..., 0][getattr(sample, part) > 0]).tolist())


@pytest.mark.parametrize("direction", ["up", "down"])
@pytest.mark.parametrize("names", [LUMBAR, ("T11", "T12", "T13", "L1", "L2"), ("L3", "L4", "L5", "L6")])
def test_memory_is_what_was_passed_in_anatomical_order(direction: str, names: tuple[str, ...]) -> None:
    """VerSe's T13 is 28, yet it lies above L1."""
    seen = set()
    for sample in drawn(verse(names), settings(direction=direction, patch=(16, 16, 64))):
        [target] = ids_in(sample, "targets")
        place = [VERSE_IDS[name] for name in names].index(target)
        passed = names[place + 1 :] if direction == "up" else names[:place]
        shown = {VERSE_IDS[name] for name in passed} & set(np.unique(sample.inputs).tolist())
        assert ids_in(sample, "memory") == shown
        assert sample.numbers is not None and sample.numbers[2] == regressed_level(names[place])
        seen.add(target)
    assert len(seen) == len(names), "each vertebra as often as any other"


@pytest.mark.parametrize(
    ("place", "direction", "neighbour", "expected"),
    [
        (2, "down", False, [1, 0, 0, 0]),
        (2, "up", False, [0, 0, 1, 1]),
        (1, "down", False, [0, 0, 0, 0]),
        (4, "up", False, [0, 0, 0, 0]),
        (4, "down", True, [0, 0, 1, 0]),
        (1, "up", True, [0, 1, 0, 0]),
        (1, "down", True, [0, 0, 0, 0]),
        (None, "up", False, [1, 1, 1, 1]),
        (None, "down", True, [1, 1, 1, 1]),
    ],
)
def test_memory_rules(place: int | None, direction: str, neighbour: bool, expected: list[int]) -> None:
    order = np.array([0, 1, 2, 3, 4, 0], np.uint8)
    assert memory_of(order, place, direction, neighbour).tolist() == [0, *expected, 0]


def test_a_third_direction_is_refused() -> None:
    with pytest.raises(ValueError, match="up or down"):
        memory_of(np.zeros(3, np.uint8), 1, "left")
    with pytest.raises(ValueError, match="one of up, down"):
        settings().choosing(TASK, direction="left")
    with pytest.raises(ValueError, match="not to be chosen"):
        settings().choosing(load_task("detection"), direction="up")
    assert settings().choosing(TASK, direction=None) == settings()
    assert settings().choosing(TASK, direction="up").options["direction"] == "up"


@pytest.mark.parametrize("count", [5, 20, 25])
@pytest.mark.parametrize("seed", range(3))
def test_every_fifth_sample_has_everything_in_memory(count: int, seed: int) -> None:
    samples = drawn(verse(LUMBAR), settings(count, empty_share=0.2, empty_at_end=0.5), seed)
    empty = [sample for sample in samples if not sample.targets.any()]
    assert len(empty) == count // 5
    for sample in empty:
        np.testing.assert_array_equal(sample.memory, sample.inputs[..., 0] > 0)
        assert not sample.weights.any() and sample.numbers.tolist() == [0, 0, 0]


@pytest.mark.parametrize(("direction", "last"), [("up", "T12"), ("down", "L5")])
def test_empty_samples_lie_at_the_end_of_the_way(direction: str, last: str) -> None:
    chosen = settings(direction=direction, empty_share=1.0, empty_at_end=1.0, patch=(16, 16, 8))
    for sample in drawn(verse(LUMBAR), chosen):
        assert VERSE_IDS[last] in ids_in(sample, "memory")


def test_forgetful_memory_keeps_the_neighbour() -> None:
    for sample in drawn(verse(LUMBAR), settings(memory_drop=1.0, patch=(16, 16, 64))):
        [target] = ids_in(sample, "targets")
        assert ids_in(sample, "memory") <= {target - 1}


def test_a_patch_is_cut_round_a_voxel_of_the_vertebra_and_never_moved() -> None:
    for sample in drawn(verse(LUMBAR), settings(patch=(64, 64, 64))):
        assert sample.targets[32, 32, 32] == 1
        assert (sample.inputs[0] == 0).all(), "beyond the scan is what is lowest in it"


def completeness(sample: Sample) -> tuple[float, float]:
    return float(sample.numbers[0]), float(sample.numbers[1])


def test_the_share_seen_is_counted() -> None:
    whole = 8 * 10 * HIGH
    shares = set()
    for sample in drawn(verse(LUMBAR), settings(patch=(12, 12, 6))):
        share, complete = completeness(sample)
        assert share == pytest.approx(sample.targets.sum() / whole) and complete == 1
        shares.add(round(share, 2))
    assert len(shares) > 3 and max(shares) <= 1


def test_a_vertebra_that_the_border_cuts_is_never_whole() -> None:
    for sample in drawn(verse(LUMBAR, edge=0), settings(patch=(64, 64, 64))):
        [target] = ids_in(sample, "targets")
        assert completeness(sample) == (1.0, float(target not in (VERSE_IDS["T12"], VERSE_IDS["L5"])))


@pytest.mark.parametrize(
    ("numbers", "voxels"),
    [
        ([0, 0, 0], [0, 0, 0]),
        ([0, 1, 0], [94, 255, 94]),  # 6 mm away: exp(-1)
        ([0, 0, 0, 1], [0, 5, 94, 255]),  # 12 and 18 mm: exp(-4), exp(-9)
        ([1, 1, 1, 1, 1], [255, 94, 5, 94, 255]),  # inside, too
    ],
)
def test_weights_fall_off_from_the_border_in_mm(numbers: list[int], voxels: list[int]) -> None:
    line = np.zeros((3, 3, len(numbers)), bool)
    line[1, 1] = numbers
    inner = line if sum(numbers) < 5 else np.ones((9, 9, 5), bool)
    steps = border_steps(inner, (6.0, 6.0, 6.0) if sum(numbers) < 5 else (100.0, 100.0, 6.0))
    assert steps.dtype == np.uint8
    assert steps[inner.shape[0] // 2, inner.shape[1] // 2].tolist() == voxels


def test_weights_are_those_of_the_whole_vertebra_also_where_the_patch_cuts_it() -> None:
    scan = verse(LUMBAR)
    [stretch] = labelled_stretches(scan, settings().spec)
    for sample in drawn(scan, settings(patch=(4, 4, 4))):
        assert sample.weights.max() == 255 or sample.targets.all()
    near = stretch.weights_near(1)
    assert near.voxels.max() == 255 and not near.voxels[0].any()


def test_the_scan_is_cut_off_where_labels_end_unless_no_vertebra_can_follow() -> None:
    def heights(names: tuple[str, ...]) -> list[tuple[int, int]]:
        scan = verse(names, edge=9)
        return [
            (each.order.grid.shape[2], int(each.order.voxels.any(axis=(0, 1)).sum()) + 2 * (len(each.vertebrae) - 1))
            for each in labelled_stretches(scan, settings().spec)
        ]

    for names, ends in ((("T12", "L1"), 0), (("L4", "L5"), 1), (("C1", "C2"), 1), (("L4", "S1"), 1), (("L3", "L4"), 0)):
        [(found, labelled)] = heights(names)
        below_sacrum = APART if "S1" in names else 0
        assert found == labelled + 9 * ends + below_sacrum, names


def shingled(unlabelled: tuple[str, ...]) -> tuple[Scan, dict[str, np.ndarray]]:
    """Thoracic vertebrae with long processes that overlap the body below; the mask of each, and a scan that labels
    all but some.
    """
    names, masks = ("T6", "T7", "T8", "T9"), {}
    voxels = np.zeros((20, 30, 60), np.int16)
    for place, name in enumerate(names):
        top = 52 - 12 * place
        mask = np.zeros(voxels.shape, bool)
        mask[5:15, 15:25, top - 9 : top] = True  # body
        mask[8:12, 5:15, top - 20 : top - 4] = True  # a process that hangs down behind the next one
        masks[name] = mask & ~np.any(list(masks.values()), axis=0) if masks else mask
        if name not in unlabelled:
            voxels[masks[name]] = VERSE_IDS[name]
    label_map = LabelMap(voxels, Grid.from_spacing(voxels.shape, SPACING))
    seen = sum(VERSE_IDS[name] * mask for name, mask in masks.items())
    scan = Scan(Case("shingled", Path("s.nii.gz")), Volume(seen.astype(np.int16), label_map.grid), None, label_map)
    return scan, masks


def test_of_an_unlabelled_neighbour_hardly_anything_is_taught_as_background() -> None:
    scan, masks = shingled(("T9",))
    [stretch] = labelled_stretches(scan, settings().spec)
    shown = int((stretch.image.voxels == VERSE_IDS["T9"]).sum())
    assert shown < 0.05 * masks["T9"].sum()
    assert [each.whole for each in stretch.vertebrae] == [True, True, False], "the last one's process is cut off"


def test_an_unlabelled_vertebra_between_others_parts_the_scan() -> None:
    stretches = labelled_stretches(verse(("T10", "T11", "L1", "L3", "L4")), settings().spec)
    assert [[each.name for each in stretch.vertebrae] for stretch in stretches] == [["T10", "T11", "L1"], ["L3", "L4"]]
    assert not (stretches[0].order.voxels[:, :, 0] == 0).all()


CODES = {
    "verse": ((8, 19, 28, 20), ("T1", "T12", "T13", "L1")),
    "totalsegmentator": (tuple(TOTALSEGMENTATOR_IDS[name] for name in ("L3", "L4", "L5", "S1")), ("L3", "L4", "L5")),
    "spider": ((103, 2, 1, 201), ("", "", "")),
    "csi2014": ((100, 200, 300), ("", "", "")),
}


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("code", CODES)
def test_vertebrae_come_from_the_top_down_in_every_code(code: str, flipped: bool) -> None:
    numbers, names = CODES[code]
    found = vertebrae_in_order(blocks(numbers, flipped=flipped), code)
    assert tuple(each.name for each in found) == names
    assert [each.label for each in found] == list(numbers[: len(names)])
    assert [each.whole for each in found] == [each < 100 or code == "csi2014" for each in numbers[: len(names)]]


def test_counted_vertebrae_are_parted_at_gaps_and_their_order_is_seen() -> None:
    upwards = vertebrae_in_order(blocks((500, 400, 200, 100)), "csi2014")
    assert [each.label for each in upwards] == [500, 400, 200, 100]
    assert [len(run) for run in unbroken(upwards)] == [2, 2]
    assert [len(run) for run in unbroken(vertebrae_in_order(blocks((5, 4, 2, 1)), "spider"))] == [2, 2]
    assert unbroken(()) == []


def test_numbers_that_are_none_of_the_code_are_refused() -> None:
    with pytest.raises(UnknownLevels, match="100, 200"):
        vertebrae_in_order(blocks((100, 150)), "csi2014")
    with pytest.raises(UnknownLevels, match="label_code"):
        vertebrae_in_order(blocks((100, 200)), "verse")


def test_levels_that_a_code_does_not_tell_are_not_taught() -> None:
    for sample in drawn(scan_of(blocks((3, 2, 1)), "spider"), settings()):
        assert sample.numbers[2] == 0 and sample.targets.any()


def test_scans_that_teach_nothing_are_refused() -> None:
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
    assert (made.scans, store.count, store.numbers_names) == (2, 12, TASK.NUMBERS)
    told = {sample.numbers[2] for sample in drawn(load_scan(cases[0]), settings(12))}
    assert told == ({regressed_level(name) for name in ("L3", "L4", "L5")} if levels != {0} else {0})
