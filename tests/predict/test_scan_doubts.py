"""A scan of another modality than the models learnt from is refused, and what is doubtful in it is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from learning_functions.predict.scan_doubts import doubts_of, require_modality
from learning_functions.task import Settings, Task, load_task, settings_of
from utility_functions.files.cases import Case, Scan
from utility_functions.files.discovery import case_of
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume


@dataclass
class Model:
    """What a doubt depends on of a model."""

    task_name: str

    @property
    def task(self) -> Task:
        return load_task(self.task_name)

    @property
    def settings(self) -> Settings:
        return settings_of(self.task, "small")


def scan_of(case: Case, lowest: int) -> Scan:
    voxels = np.linspace(lowest, 1000, 8000).reshape(20, 20, 20).astype(np.int16)
    return Scan(case, Volume(voxels, Grid.from_spacing((20, 20, 20), 3.0)))


CT, MR = [Model("detection")], [Model("multiclass_mr"), Model("naming")]
NAMED = case_of(Path("sub-1_T2w.nii.gz"))


def test_the_name_of_a_file_counts_only_where_its_intensities_agree():
    assert (NAMED.modality, NAMED.modality_told) == ("MR", False)
    with pytest.raises(ValueError, match=r"By its name and its intensities this is MR and no CT.*detection learnt"):
        require_modality(scan_of(NAMED, 0), CT)
    require_modality(scan_of(NAMED, -1000), CT)  # T2w, but with the HU of air
    require_modality(scan_of(NAMED, 0), MR)


def test_what_dicom_or_a_manifest_tells_is_believed():
    pet = replace(NAMED, modality="PT", modality_told=True)
    with pytest.raises(ValueError, match="By what its source tells this is PET"):
        require_modality(scan_of(pet, -1000), CT)
    require_modality(scan_of(replace(NAMED, modality="CT", modality_told=True), 0), CT)


def test_doubts_are_told_where_a_model_is_shown_hu():
    assert doubts_of(scan_of(NAMED, -1000), CT) == [] == doubts_of(scan_of(NAMED, 0), MR)
    assert ["no Hounsfield units" in doubt for doubt in doubts_of(scan_of(NAMED, 0), CT)] == [True]
    small = Scan(NAMED, Volume(np.linspace(-900, 900, 64).reshape(4, 4, 4), Grid.from_spacing((4, 4, 4), 2.0)))
    assert ["smaller than a vertebra" in doubt for doubt in doubts_of(small, CT)] == [True]
