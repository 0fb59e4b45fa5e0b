"""The check that the files of a scan are those that were measured."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from learning_functions.measure import resuming as finished_scans
from learning_functions.measure.resuming import _inputs
from learning_functions.options import InferenceOptions
from utility_functions.files.cases import Case


@pytest.mark.parametrize(("header", "voxels"), [("a.mhd", "a.raw"), ("a.nhdr", "a.raw.gz"), ("a.MHD", "a.zraw")])
def test_voxels_beside_a_header_count_as_part_of_it(tmp_path: Path, header: str, voxels: str) -> None:
    for name in (header, voxels, "b.raw"):
        (tmp_path / name).write_bytes(b"12")
    before = _inputs(Case("a", tmp_path / header))
    os.utime(tmp_path / "b.raw", ns=(1, 1))
    assert _inputs(Case("a", tmp_path / header)) == before
    os.utime(tmp_path / voxels, ns=(1, 1))
    assert _inputs(Case("a", tmp_path / header)) != before


def test_a_program_that_is_not_installed_measures_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finished_scans, "versions", dict)
    assert finished_scans.conditions_of([], InferenceOptions())["options"]["program"] == "(not installed)"
