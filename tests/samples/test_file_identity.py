"""The fingerprint of a sample file by its content."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from learning_functions.samples.store.file_identity import fingerprint
from learning_functions.samples.store.sample_store import open_store
from tests.samples.test_store import COUNT, write


def test_the_same_samples_have_the_same_fingerprint_however_they_are_compressed(tmp_path: Path) -> None:
    prints = {fingerprint(write(tmp_path / f"{kind}.h5", compression=kind)) for kind in ("gzip", "lzf", "none")}
    assert len(prints) == 1


@pytest.mark.parametrize("part", ["inputs", "targets", "weights", "normalisation"])
@pytest.mark.parametrize("place", [0, COUNT - 1])
def test_a_change_in_any_part_changes_it(tmp_path: Path, part: str, place: int) -> None:
    before = fingerprint(write(tmp_path / "samples.h5"))
    with h5py.File(tmp_path / "samples.h5", "r+") as file:
        file[part][place] = file[part][place] + 1
    assert fingerprint(open_store(tmp_path / "samples.h5")) != before
