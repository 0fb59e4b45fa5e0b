"""Every file that cannot be used is refused in one sentence that names it."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from tests.odd_nifti import nifti
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.images import read_grid, read_image, read_label_map
from utility_functions.geometry.grid import Grid


def meta(path: Path, spacing: str = "1 1 1", size: str = "4 5 6", channels: int = 1) -> None:
    path.write_bytes(
        f"ObjectType = Image\nNDims = 3\nBinaryData = True\nOffset = 0 0 0\n"
        f"ElementSpacing = {spacing}\nDimSize = {size}\n"
        f"ElementNumberOfChannels = {channels}\nElementType = MET_SHORT\nElementDataFile = LOCAL\n".encode()
        + bytes(720)
    )


def cut(path: Path, fraction: float = 0.5) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])


def cut_image(path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 9999, (20, 20, 20)).astype(np.int16)
    if ".nii" in path.name:
        nib.save(nib.Nifti1Image(noise, np.eye(4)), path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(noise), str(path))
    cut(path, 0.7)


def sheet(path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((5, 6), np.int16)), str(path))


def colours(path: Path) -> None:
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((4, 5, 6, 3), np.uint8), isVector=True), str(path))


def broken_voxels(*values: float) -> np.ndarray:
    voxels = np.zeros((4, 5, 6), np.float32)
    voxels.flat[: len(values)] = values
    return voxels


PIXDIM = [1, 1, 1, 1, 0, 0, 0, 0]
RGB = np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")])
IMAGES = {
    "nothing.nii.gz": (lambda p: None, "no such file"),
    "text.nii.gz": (lambda p: p.write_text("hello\n" * 200), "cannot be read as NIfTI"),
    "text.nii": (lambda p: p.write_text("hello\n" * 200), "not a NIfTI file"),
    "text.mha": (lambda p: p.write_text("hello\n" * 200), "not a readable .mha"),
    "text.nrrd": (lambda p: p.write_text("hello\n" * 200), "not a readable .nrrd"),
    "text.txt": (lambda p: p.write_text("hello\n" * 200), "no image that can be read"),
    "empty.nii": (lambda p: p.write_bytes(b""), "not a NIfTI file"),
    "empty.nii.gz": (lambda p: p.write_bytes(b""), "not a NIfTI file"),
    "cut.nii.gz": (cut_image, "truncated"),
    "cut.nii": (cut_image, "truncated"),
    "cut.mha": (cut_image, "truncated"),
    "cut.nrrd": (cut_image, "truncated"),
    "no_raw.mhd": (
        lambda p: [cut_image(p), p.with_suffix(".raw").unlink()],
        "truncated|without its data|not a readable",
    ),
    "sheet.nii.gz": (sheet, "two-dimensional"),
    "sheet.mha": (sheet, "two-dimensional"),
    "sheet.nrrd": (sheet, "two-dimensional"),
    "slice.nii": (lambda p: nifti(p, np.ones((4, 5, 1), np.int16)), "two-dimensional"),
    "film.nii": (lambda p: nifti(p, np.ones((4, 5, 6, 3), np.int16)), "4 dimensions .4 x 5 x 6 x 3.; save one"),
    "vectors.nii": (lambda p: nifti(p, np.ones((4, 5, 6, 1, 3), np.int16)), "5 dimensions"),
    "zero.nii": (lambda p: nifti(p, pixdim=[1, 0, 1, 1, 0, 0, 0, 0]), "spacing must be above zero"),
    "minus.nii": (lambda p: nifti(p, pixdim=[1, 1, -1, 1, 0, 0, 0, 0]), "spacing must be above zero"),
    "nan.nii": (lambda p: nifti(p, pixdim=[1, 1, 1, np.nan, 0, 0, 0, 0]), "spacing must be above zero"),
    "zero.mha": (lambda p: meta(p, "1 0 1"), "spacing must be above zero"),
    "minus.mha": (lambda p: meta(p, "1 1 -1"), "spacing must be above zero"),
    "flat.nii": (lambda p: nifti(p, srow_x=[0, 0, 0, 0]), "above zero"),
    "plane.nii": (lambda p: nifti(p, srow_x=[0, 1, 0, 0]), "above zero|one plane"),
    "nan_sform.nii": (lambda p: nifti(p, srow_x=[np.nan, 0, 0, 0]), "finite"),
    "huge.nii": (lambda p: nifti(p, dim=[3, 10000, 10000, 10000, 1, 1, 1, 1]), "claims 10000 x 10000 x 10000 voxels"),
    "huge.mha": (lambda p: meta(p, size="10000 10000 10000"), "claims 10000 x 10000 x 10000 voxels"),
    "large.nii": (lambda p: nifti(p, dim=[3, 1500, 1500, 1500, 1, 1, 1, 1]), "too short for its header"),
    "none.nii": (lambda p: nifti(p, dim=[3, 0, 5, 6, 1, 1, 1, 1]), "claims 0 x 5 x 6 voxels"),
    "negative.nii": (lambda p: nifti(p, dim=[3, -4, 5, 6, 1, 1, 1, 1]), "claims -4 x 5 x 6 voxels"),
    "none.mha": (lambda p: meta(p, size="0 5 6"), "claims 0 x 5 x 6 voxels"),
    "one_nan.nii": (lambda p: nifti(p, broken_voxels(np.nan, np.inf)), "2 of its 120 voxels are NaN or infinite"),
    "all_nan.nii": (lambda p: nifti(p, broken_voxels(*[np.nan] * 120)), "all of its 120 voxels"),
    "overflow.nii": (lambda p: nifti(p, broken_voxels(1).astype(np.float64) * 1e300), "NaN or infinite"),
    "colours.nii": (lambda p: nifti(p, np.ones((4, 5, 6), RGB)), "one number"),
    "complex.nii": (lambda p: nifti(p, np.ones((4, 5, 6), np.complex64)), "one number"),
    "colours.mha": (colours, "one number"),
    "colours.nrrd": (colours, "one number"),
    "bad_type.nii": (lambda p: nifti(p, datatype=999), "data type 999 is unknown"),
    "inf_scale.nii": (lambda p: nifti(p, scl_slope=2, scl_inter=np.inf), "inf_scale.nii"),
    "folder": (lambda p: p.mkdir(), "a folder without DICOM files"),
    "fake_dicom": (
        lambda p: p.write_bytes(bytes(128) + b"DICM" + b"hello" * 50),
        "DICOM file without a readable image",
    ),
}


@pytest.mark.parametrize("name", IMAGES)
def test_an_image_is_refused_in_one_sentence_that_names_it(name, tmp_path):
    make, words = IMAGES[name]
    path = tmp_path / name
    make(path)
    with pytest.raises(BrokenFile, match=words) as refused:
        read_image(path)
    sentence = str(refused.value)
    assert str(path) in sentence and "\n" not in sentence and sentence.endswith(".") and len(sentence) < 400


@pytest.mark.parametrize("name", ["huge.nii", "huge.mha", "zero.nii", "film.nii", "nothing.nii.gz", "sheet.nrrd"])
def test_the_header_alone_is_refused_too(name, tmp_path):
    make, words = IMAGES[name]
    make(tmp_path / name)
    with pytest.raises(BrokenFile, match=words):
        read_grid(tmp_path / name)


def test_a_label_map_with_parts_of_labels_is_refused(tmp_path):
    nifti(tmp_path / "labels.nii", broken_voxels(1.5, 2, 2.25))
    with pytest.raises(BrokenFile, match=r"2 voxels do not, for example 1\.5"):
        read_label_map(tmp_path / "labels.nii")
    nifti(tmp_path / "nan.nii", broken_voxels(np.nan))
    with pytest.raises(BrokenFile, match="NaN"):
        read_label_map(tmp_path / "nan.nii")


RAS = '{"direction":["R","A","S"]}'
ANNOTATIONS = {
    "nothing.json": (None, "no such file"),
    "a.txt": ("L1 1 2 3", "read from .lml, .json, .csv, not from .txt"),
    "text.json": ("hello", "is not a JSON file"),
    "binary.csv": (b"\xff\xfe\x00\xd8", "is not a text file"),
    "binary.json": (b"\xff\xfe\x00\xd8", "is not a JSON file"),
    "empty.json": ("[]", "holds no landmark"),
    "empty.csv": ("", "holds no landmark"),
    "empty.lml": ("header\n", "holds no landmark"),
    "only_direction.json": (f"[{RAS}]", "holds no landmark"),
    "number.json": ("3", "none of the known formats"),
    "sidecar.json": ('{"KVP": 120}', "none of the known formats"),
    "strings.json": ('["L1"]', "none of the known formats"),
    "no_direction.json": ('[{"label":20,"X":1,"Y":1,"Z":1}]', 'one "direction"'),
    "direction.json": ('[{"direction":["R","R","S"]},{"label":20,"X":1,"Y":1,"Z":1}]', "no direction of three axes"),
    "direction2.json": ('[{"direction":3},{"label":20,"X":1,"Y":1,"Z":1}]', "no direction of three axes"),
    "axis.json": (f'[{RAS},{{"label":20,"X":1,"Y":1}}]', "L1 has no 'Z'"),
    "null.json": (f'[{RAS},{{"label":20,"X":1,"Y":1,"Z":null}}]', "Z of L1 must be a number"),
    "label.json": (f'[{RAS},{{"label":41,"X":1,"Y":1,"Z":1}}]', "label 41 is no known level"),
    "label_nan.json": (f'[{RAS},{{"label":NaN,"X":1,"Y":1,"Z":1}}]', "is no known level"),
    "name.json": ('[{"name":"C8","x":1,"y":1,"z":1}]', "'C8' is no known level"),
    "plain_axis.json": ('[{"name":"C7","x":1,"y":1}]', "C7 has no 'z'"),
    "twice.json": (
        f"[{RAS},{','.join([json.dumps({'label': 20, 'X': 1, 'Y': 1, 'Z': 1})] * 2)}]",
        "L1 stands in it more",
    ),
    "outside.json": (f'[{RAS},{{"label":20,"X":1,"Y":1,"Z":90}}]', "L1 lies 80 mm outside the scan"),
    "infinite.json": ('[{"name":"C7","x":1,"y":1,"z":Infinity}]', "C7 has no finite position"),
    "frame.mrk.json": ('{"markups":[{"coordinateSystem":"IJK","controlPoints":[]}]}', "must be LPS or RAS"),
    "unit.mrk.json": ('{"markups":[{"coordinateUnits":"cm","controlPoints":[]}]}', "must be mm"),
    "short.mrk.json": (
        '{"markups":[{"controlPoints":[{"label":"L1","position":[1,2]}]}]}',
        "position of three numbers",
    ),
    "name.mrk.json": (
        '{"markups":[{"controlPoints":[{"label":"F-1","position":[1,2,3]}]}]}',
        "'F-1' is no known level",
    ),
    "keypoint.json": ('[{"coordinates":[1,2,3],"type":"body"}]', "each keypoint needs"),
    "words.lml": ("header\n1 L1_center 2 3\n", "line 2 must read 'id name x y z'"),
    "name.lml": ("header\n1 X1_center 2 3 4\n", "'X1_center' is no known level"),
    "number.lml": ("header\n1 L1_center 2 x 4\n", "position of L1, must be a number"),
    "columns.csv": ("name,x,y\nL1,1,2\n", "z missing"),
    "number.csv": ("name,x,y,z\nL1,1,2,\n", "line 2, z of L1, must be a number"),
    "short.csv": ("name,x,y,z\nL1,1,2\n", "line 2, z of L1, must be a number"),
    "outside.csv": ("name,x,y,z\nL1,1,2,-50\n", "L1 lies 50 mm outside the scan"),
}


@pytest.mark.parametrize("name", ANNOTATIONS)
def test_an_annotation_is_refused_in_one_sentence_that_names_it(name, tmp_path):
    content, words = ANNOTATIONS[name]
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BrokenFile, match=words) as refused:
        read_landmarks(path, Grid((10, 10, 10), np.eye(4)))
    assert str(path) in str(refused.value) and "\n" not in str(refused.value)


def test_formats_that_count_from_the_first_voxel_need_the_scan(tmp_path):
    (tmp_path / "a.lml").write_text("header\n1 L1_center 2 3 4\n")
    (tmp_path / "a.json").write_text(f'[{RAS},{{"label":20,"X":1,"Y":1,"Z":9}}]')
    for name in ("a.lml", "a.json"):
        with pytest.raises(BrokenFile, match=r"without (the|their) scan"):
            read_landmarks(tmp_path / name, None)
