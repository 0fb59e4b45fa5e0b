"""Samples cut from phantoms that are never stored: the same on any number of workers, with the tissue of each voxel."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from learning_functions.generate.generation import cases_of_one_split, generate
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import SampleStore, open_store
from learning_functions.spec import AIR_HU, OUTSIDE
from learning_functions.task import load_task
from tests.tiny import phantom, scan_of, tiny_settings, write_case
from utility_functions.files.cases import Case
from utility_functions.phantom.tissue import TISSUE_CODES, TISSUES

TASKS = ("detection", "identification")


def painted(words: str = "phantom:3:cervical", seed: int = 5) -> list[Case]:
    return cases_of_one_split(Path(words), None, phantom_seed=seed)


def tissues_of(store: SampleStore) -> tuple[np.ndarray, np.ndarray]:
    inputs = np.empty((store.count, *store.input_shape), np.int16)
    targets = np.empty((store.count, *store.target_shape), store.target_dtype)
    tissues = np.empty(inputs.shape, np.uint8)
    SampleReader(store).read(np.arange(store.count), inputs, targets, tissues=tissues)
    return inputs, tissues


@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_gives_the_same_file_on_any_number_of_workers(tmp_path: Path, task: str) -> None:
    settings = tiny_settings(task)
    made = {}
    for workers, seed in ((1, 5), (2, 5), (1, 6)):
        path = tmp_path / f"{workers}_{seed}.h5"
        generate(task, painted(seed=seed), path, settings, seed=seed, workers=workers)
        made[workers, seed] = path.read_bytes()
    assert made[1, 5] == made[2, 5] != made[1, 6]
    stores = [open_store(tmp_path / name) for name in ("1_5.h5", "1_6.h5")]
    assert stores[0].patients == tuple(f"phantom-5-{number:06d}" for number in range(3))
    assert not set(stores[0].patients) & set(stores[1].patients)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1_5.h5", "1_6.h5", "2_5.h5"], "no image is written"


@pytest.mark.parametrize("task", TASKS)
def test_every_voxel_has_its_tissue(tmp_path: Path, task: str) -> None:
    generate(task, painted("phantom:2:lumbar"), tmp_path / "s.h5", tiny_settings(task), workers=1)
    store = open_store(tmp_path / "s.h5")
    assert store.tissue_names == TISSUES
    inputs, tissues = tissues_of(store)
    assert set(np.unique(tissues)) <= {*range(len(TISSUES)), OUTSIDE}
    means = {name: inputs[tissues == TISSUE_CODES[name]].mean() for name in ("fat", "muscle", "vertebra shell")}
    assert means["fat"] < means["muscle"] < means["vertebra shell"]
    assert (inputs[tissues == OUTSIDE] == AIR_HU).mean() > 0.95, "the deformation interpolates at borders only"


@pytest.mark.parametrize("task", TASKS)
def test_tissues_are_cut_where_the_image_is(task: str) -> None:
    """In a scan whose intensities are its tissues, undeformed, both are equal."""
    made = phantom(1)
    scan = replace(scan_of(made), volume=made.volume.with_voxels(made.tissues.voxels.astype(np.int16)))
    scan = replace(scan, tissues=made.tissues)
    settings = tiny_settings(task)
    spec = replace(settings.spec, spacing_mm=made.volume.grid.reoriented("RAS").spacing_mm)
    settings = settings.changed(spec=spec).with_options(**({"elastic_mm": 0.0} if task == "identification" else {}))
    for sample in load_task(task).samples(scan, settings, np.random.default_rng(1)):
        assert sample.tissues is not None and sample.tissues.shape == sample.inputs.shape
        inside = sample.tissues != OUTSIDE
        assert inside.any() and (sample.inputs[inside] == sample.tissues[inside]).mean() > 0.6


@pytest.mark.parametrize("task", TASKS)
def test_tissues_change_no_sample(task: str) -> None:
    made, settings = phantom(1), tiny_settings(task)
    known = replace(scan_of(made), tissues=made.tissues)
    pairs = [load_task(task).samples(scan, settings, np.random.default_rng(1)) for scan in (scan_of(made), known)]
    for without, sample in zip(*pairs, strict=True):
        assert without.tissues is None
        np.testing.assert_array_equal(without.inputs, sample.inputs)
        np.testing.assert_array_equal(without.targets, sample.targets)


def test_tissues_are_stored_only_where_every_scan_has_them(tmp_path: Path) -> None:
    cases = [*painted("phantom:1:lumbar"), write_case(phantom(0), tmp_path, "scan")]
    generate("detection", cases, tmp_path / "s.h5", tiny_settings("detection"), workers=1)
    with h5py.File(tmp_path / "s.h5") as file:
        assert "tissues" not in file and len(file["inputs"]) == 8
    assert not open_store(tmp_path / "s.h5").has_tissues
