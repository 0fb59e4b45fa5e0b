"""What measuring takes is told before it is taken, and --memory-gb bounds the whole process, seen from outside."""

from __future__ import annotations

import gzip
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from learning_functions.inference.pass_memory import FIXED_GB
from learning_functions.measure.scan_estimate import (
    LONG_SECONDS,
    ScanEstimate,
    estimates,
    require_memory,
    time_in_words,
    told_before,
)
from learning_functions.runtime.inference_devices import PROCESSOR, InferenceDevice
from utility_functions.files.cases import Case
from utility_functions.files.images import write_image
from utility_functions.files.manifest import find_cases
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume
from utility_functions.phantom.scanner import make_phantom

ROOT = Path(__file__).resolve().parents[2]
TRUNK = Grid.from_spacing((512, 512, 600), (0.8, 0.8, 1.0))


def header_alone(path: Path, shape: tuple[int, int, int], dtype: type = np.int16, spacing: float = 0.5) -> Case:
    """A case whose file has a header, and no voxels."""
    header = nib.Nifti1Header()
    header.set_data_shape(shape)
    header.set_data_dtype(dtype)
    header.set_sform(np.diag([spacing, spacing, spacing, 1.0]), 1)
    header["magic"], header["vox_offset"], header["pixdim"][1:4] = b"n+1", 352, spacing
    with gzip.open(path, "wb") as file:
        file.write(header.binaryblock + bytes(4))
    return Case(path.name.split(".")[0], path)


def test_more_of_a_scan_takes_more_and_never_more_memory_than_allowed() -> None:
    shapes = [(3, 3, 3), (128, 128, 100), (512, 512, 99), (512, 512, 600), (512, 512, 1500)]
    found = [ScanEstimate.of(Grid.from_spacing(shape, 0.8), 4.0, 2) for shape in shapes]
    for less, more in pairwise(found):
        assert less.voxels < more.voxels and less.seconds < more.seconds and less.gb <= more.gb
    assert all(FIXED_GB < each.gb <= 4.0 for each in found)


@pytest.mark.parametrize(("processors", "on_gpu"), [(8, False), (2, True)])
def test_processors_and_gpus_save_time_of_networks_alone(processors: int, on_gpu: bool) -> None:
    usual, faster = ScanEstimate.of(TRUNK, 4.0, 2), ScanEstimate.of(TRUNK, 4.0, processors, on_gpu)
    assert 3 < faster.seconds < usual.seconds


def test_a_trunk_takes_a_plausible_time() -> None:
    assert 10 < ScanEstimate.of(TRUNK, 4.0, 2).seconds < 120


def test_long_runs_are_told_of_and_short_ones_are_not() -> None:
    one = {"a": ScanEstimate(27, 3.0, 1.6)}
    assert told_before({}) == told_before(one) == ""
    three = {name: ScanEstimate(157_286_400, 40.0, gb) for name, gb in (("a", 2.1), ("b", 3.6), ("c", 2.1))}
    lines = told_before(three).splitlines()
    assert lines[0] == "3 scans, about 2 minutes, at most 3.6 GB"
    assert lines[1] == "  a: 157 million voxels, about 40 seconds, at most 2.1 GB" and len(lines) == 4
    many = {str(number): ScanEstimate(10**6, LONG_SECONDS, 2.0) for number in range(100)}
    assert told_before(many) == "100 scans, about 75 minutes, at most 2.0 GB\n"


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "5 seconds"), (42, "40 seconds"), (100, "2 minutes"), (9000, "2.5 hours")]
)
def test_times_are_rounded(seconds: float, words: str) -> None:
    assert time_in_words(seconds) == words


def test_scans_are_estimated_by_their_headers(tmp_path: Path) -> None:
    cases = [
        header_alone(tmp_path / "a.nii.gz", (400, 300, 200)),
        Case("missing", tmp_path / "missing.nii.gz"),
        *find_cases(Path("phantom:1")),
    ]
    assert {name: each.voxels for name, each in estimates(cases, 4.0, [PROCESSOR]).items()} == {"a": 24_000_000}
    gpus = [InferenceDevice("/GPU:0", 8.0), InferenceDevice("/GPU:1", 8.0)]
    assert estimates(cases, 4.0, gpus)["a"].gb <= 2.0, "scans side by side share the memory"


@pytest.mark.parametrize(
    ("shape", "dtype", "memory_gb", "needed"),
    [
        ((1000, 1000, 2000), np.int16, 4.0, r"1000 x 1000 x 2000 voxels need \d+\.?\d* GB.*Received: 4 GB"),
        ((1000, 1000, 2000), np.float64, 12.0, r"need 2[5-9]\.?\d* GB"),
        ((3, 3, 3), np.int16, 1.0, r"3 x 3 x 3 voxels need 1\.\d GB.*Received: 1 GB"),
        ((512, 512, 1500), np.int16, 2.0, r"need [34]\.?\d* GB"),
    ],
)
def test_a_scan_that_needs_more_is_refused_before_its_voxels_are_read(
    shape: tuple[int, int, int], dtype: type, memory_gb: float, needed: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=needed):
        require_memory(header_alone(tmp_path / "scan.nii.gz", shape, dtype), memory_gb)


@pytest.mark.parametrize("shape", [(3, 3, 3), (512, 512, 99), (512, 512, 600), (512, 512, 1500)])
def test_usual_scans_are_measured_within_the_usual_memory(shape: tuple[int, int, int], tmp_path: Path) -> None:
    require_memory(header_alone(tmp_path / "scan.nii.gz", shape), 4.0)


def test_what_is_told_to_be_needed_is_enough(tmp_path: Path) -> None:
    case = header_alone(tmp_path / "scan.nii.gz", (700, 700, 1200))
    with pytest.raises(ValueError, match="need") as told:
        require_memory(case, 2.0)
    require_memory(case, float(str(told.value).split("need ")[1].split(" GB")[0]))


LAUNCHER = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
"""A small process starts the command: the peak of a forked process begins with the memory of the one that forked it."""


def peak_gb(scan: Path, memory_gb: float, output: Path) -> tuple[int, float]:
    """Exit code and peak memory in GB of measure.py in a process of its own."""
    command = [sys.executable, str(ROOT / "measure.py"), str(scan), "--output", str(output)]
    told = subprocess.run(
        [sys.executable, "-S", "-c", LAUNCHER, *command, "--memory-gb", f"{memory_gb:g}"],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    code, peak = map(int, told.stdout.split())
    return code, peak * 1024 / 1e9


@pytest.mark.skipif(sys.platform != "linux", reason="other systems count memory in other units")
@pytest.mark.parametrize("memory_gb", [2.4])
def test_the_whole_process_stays_within_the_memory(memory_gb: float, tmp_path: Path) -> None:
    scan = make_phantom(np.random.default_rng(5), "lumbar", "lumbar", 1.5, "LPS")
    write_image(scan.volume, tmp_path / "lumbar_ct.nii.gz")
    code, peak = peak_gb(tmp_path / "lumbar_ct.nii.gz", memory_gb, tmp_path / "out")
    assert code == 0 and peak <= memory_gb


def test_three_voxels_along_each_axis_are_measured(tmp_path: Path) -> None:
    tiny = Volume(np.full((3, 3, 3), -1000, np.int16), Grid.from_spacing((3, 3, 3), 4.0))
    write_image(tiny, tmp_path / "tiny_ct.nii.gz")
    code, peak = peak_gb(tmp_path / "tiny_ct.nii.gz", 2.0, tmp_path / "out")
    assert code == 0 and peak <= 2.0
