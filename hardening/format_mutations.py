"""Changes that know their format: fields of headers, parts of DICOM data sets, contents of HDF5 files and archives."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from dataclasses import dataclass
from typing import Any

import h5py
import nibabel as nib
import numpy as np
from pydicom import Dataset, FileDataset, dcmread, dcmwrite
from pydicom.dataelem import DataElement

from hardening.byte_mutations import EXTREMES, OF_BYTES, OF_TEXT, WORDS, Mutation, changed
from hardening.tree_mutations import change_tree, text_of

NUMBERS = (0.0, -1.0, 1e-9, 1e9, 1e38, np.nan, np.inf, 0.5, 2.0, 1000.0)
FIELDS = (
    *(
        "dim",
        "dim",
        "dim",
        "pixdim",
        "pixdim",
        "datatype",
        "bitpix",
        "vox_offset",
        "scl_slope",
        "scl_inter",
        "xyzt_units",
    ),
    *(
        "qform_code",
        "sform_code",
        "quatern_b",
        "quatern_c",
        "quatern_d",
        "qoffset_x",
        "srow_x",
        "srow_y",
        "srow_z",
        "magic",
    ),
)


def nifti_header(content: bytes, rng: np.random.Generator) -> bytes:
    """A field or two of an uncompressed NIfTI-1 file become extreme."""
    header = nib.Nifti1Header(content[:348], check=False)
    for _ in range(int(rng.integers(1, 3))):
        name = FIELDS[int(rng.integers(len(FIELDS)))]
        field = header[name]
        if name == "magic":
            header[name] = rng.choice(np.array([b"n+1", b"ni1", b"n+2", b"", b"xxx"]))
        elif field.ndim:
            values = field.copy()
            values[int(rng.integers(len(values)))] = _extreme(values.dtype, rng)
            header[name] = values
        else:
            header[name] = _extreme(field.dtype, rng)
    return bytes(header.binaryblock) + content[348:]


def _extreme(kind: np.dtype[Any], rng: np.random.Generator) -> Any:
    if kind.kind == "f":
        return kind.type(NUMBERS[int(rng.integers(len(NUMBERS)))])
    choice = int(EXTREMES[int(rng.integers(len(EXTREMES)))]) if rng.random() < 0.6 else int(rng.integers(0, 300))
    return np.array(choice % 2 ** (8 * kind.itemsize), np.uint64).astype(kind)


def nifti_voxels(content: bytes, rng: np.random.Generator) -> bytes:
    """The same header over voxels of another kind: floats that are not finite, or too few."""
    image = nib.Nifti1Image.from_bytes(content)
    voxels = np.asarray(image.dataobj, np.float32).copy()
    voxels.flat[rng.integers(voxels.size, size=5)] = rng.choice(np.array([np.nan, np.inf, -np.inf, 3e38, 1e20, 0.0]), 5)
    return bytes(nib.Nifti1Image(voxels, image.affine).to_bytes())


@dataclass(frozen=True)
class Gzipped:
    """The change ``inner`` made within a gzip file, which stays sound itself."""

    inner: Mutation

    @property
    def __name__(self) -> str:
        return f"gzipped {self.inner.__name__}"

    def __call__(self, content: bytes, rng: np.random.Generator) -> bytes:
        return gzip.compress(self.inner(gzip.decompress(content), rng), 1)


def text_header(content: bytes, rng: np.random.Generator) -> bytes:
    """The text before the voxels of an NRRD or MetaImage file changes."""
    ends = [content.find(end) for end in (b"\n\n", b"ElementDataFile = LOCAL\n") if content.find(end) >= 0]
    end = min(ends) if ends else len(content)
    end += len(b"ElementDataFile = LOCAL\n") if content[end:].startswith(b"ElementDataFile") else 0
    return changed(content[:end], rng, OF_TEXT)[0] + content[end:]


def dicom_element(content: bytes, rng: np.random.Generator) -> bytes:
    """An element of a DICOM file is lost, emptied, or holds something else; or the file is encoded otherwise."""
    dataset = dcmread(io.BytesIO(content))
    for _ in range(int(rng.integers(1, 3))):
        _change_element(dataset, rng)
    return _written(dataset, content, rng)


def dicom_nested_element(content: bytes, rng: np.random.Generator) -> bytes:
    """As `dicom_element`, in any of the data sets that lie in sequences; or an item is lost or stands twice."""
    dataset = dcmread(io.BytesIO(content))
    for _ in range(int(rng.integers(1, 3))):
        inner = _items_of(dataset)
        sequences = [element.value for each in (dataset, *inner) for element in each if element.VR == "SQ"]
        if sequences and rng.random() < 0.2:
            items = sequences[int(rng.integers(len(sequences)))]
            place = int(rng.integers(max(len(items), 1)))
            if len(items) and rng.random() < 0.5:
                del items[place]
            elif len(items):
                items.append(items[place])
        else:
            chosen = inner[int(rng.integers(len(inner)))] if inner and rng.random() < 0.6 else dataset
            if len(chosen):
                _change_element(chosen, rng)
    return _written(dataset, content, rng)


def _written(dataset: Dataset, content: bytes, rng: np.random.Generator) -> bytes:
    """The file of a changed data set; ``content`` changed in its bytes where the data set cannot be written."""
    held = io.BytesIO()
    try:
        dcmwrite(held, dataset, enforce_file_format=False)
    except Exception:  # noqa: BLE001 - what cannot be written is changed in its bytes instead
        return changed(content, rng, OF_BYTES)[0]
    return held.getvalue()


def _items_of(dataset: Dataset) -> list[Dataset]:
    """All data sets within sequences, however deep."""
    items = [item for element in dataset if element.VR == "SQ" for item in element.value or ()]
    return [each for item in items for each in (item, *_items_of(item))]


def _change_element(dataset: Dataset, rng: np.random.Generator) -> None:
    outer = isinstance(dataset, FileDataset)
    elements = [*dataset, *dataset.file_meta] if outer and rng.random() < 0.15 else [*dataset]
    element = elements[int(rng.integers(len(elements)))]
    kind = int(rng.integers(5))
    if kind == 0:
        del (dataset.file_meta if element.tag.group == 2 else dataset)[element.tag]
    elif kind == 1:
        element.value = None if element.VR != "SQ" else []
    elif element.VR in ("US", "UL", "SS", "SL"):
        element.value = int(rng.choice([0, 1, 2, 7, 8, 13, 16, 32, 255, 65535]))
    elif element.VR in ("OB", "OW"):
        value = bytes(element.value or b"")
        element.value = [value[: len(value) // 2], value * 2, b"", value[:-1]][int(rng.integers(4))]
    elif element.VR == "SQ":
        inner = Dataset()
        inner.SequenceDelimitationItem = None
        element.value = [Dataset()] * int(rng.integers(1, 50))
    else:
        dataset_of = dataset.file_meta if element.tag.group == 2 else dataset
        word = WORDS[int(rng.integers(len(WORDS)))]
        times = int(rng.integers(1, 5))
        dataset_of._dict[element.tag] = DataElement(
            element.tag, "UN", ("\\".join([word] * times)).encode("utf-8", "replace"), already_converted=True
        )


def hdf5_part(content: bytes, rng: np.random.Generator) -> bytes:
    """An attribute, a data set or a link of an HDF5 file becomes another one."""
    held = io.BytesIO(content)
    with h5py.File(held, "r+") as file:
        things: list[Any] = [file]
        file.visititems(lambda _, thing: things.append(thing))
        for _ in range(int(rng.integers(1, 3))):
            thing = file if rng.random() < 0.5 else things[int(rng.integers(len(things)))]
            if thing and (len(thing.attrs) and rng.random() < 0.6):
                _change_attribute(thing, rng)
            elif thing and thing.name != "/":
                _change_part(file, thing.name, rng)
    return held.getvalue()


def _change_attribute(thing: Any, rng: np.random.Generator) -> None:
    names = list(thing.attrs)
    name = names[int(rng.integers(len(names)))]
    value = thing.attrs[name]
    if rng.random() < 0.15:
        del thing.attrs[name]
        return
    if isinstance(value, str | bytes) and rng.random() < 0.8:
        try:
            value = text_of(change_tree(json.loads(value), rng)).encode("utf-8", "surrogatepass")[:60000]
        except ValueError:
            value = WORDS[int(rng.integers(len(WORDS)))].encode("utf-8", "replace")
        value = value.replace(b"\0", b"")
        thing.attrs[name] = value.decode("utf-8", "replace") if rng.random() < 0.5 else np.bytes_(value)
        return
    others: tuple[Any, ...] = (
        0,
        -1,
        2.5,
        np.nan,
        np.zeros(3),
        np.zeros((2, 2)),
        "x",
        b"\xff\xfe",
        h5py.Empty("f"),
        True,
    )
    thing.attrs[name] = others[int(rng.integers(len(others)))]


def _change_part(file: h5py.File, name: str, rng: np.random.Generator) -> None:
    if name not in file:
        return
    old = file[name]
    shape = old.shape if isinstance(old, h5py.Dataset) else (3,)
    first = shape[0] if shape else 1
    del old
    del file[name]
    kind = int(rng.integers(9))
    if kind == 0:
        return
    if kind == 1:
        file[name] = h5py.ExternalLink("other.h5", "/inputs")
    elif kind == 2:
        file[name] = h5py.SoftLink(name)
    elif kind == 3:
        file.create_dataset(name, shape, "f8")
    elif kind == 4:
        file.create_dataset(name, (first, *([10**4] * 3)), "i2", chunks=(1, 100, 100, 100))
    elif kind == 5:
        file[name] = "text"
    elif kind == 6:
        file.create_group(name)
    elif kind == 7:
        file.create_dataset(name, (max(first, 1),), h5py.string_dtype(), data=["x"] * max(first, 1))
    else:
        file.create_dataset(name, (10**12, *shape[1:]), "f4", chunks=(1, *shape[1:]) if shape else None)


def archive_member(content: bytes, rng: np.random.Generator) -> bytes:
    """A member of a zip archive (.keras, .npz) changes, is lost, or stands twice; checksums are made anew."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    name = list(members)[int(rng.integers(len(members)))]
    kind = int(rng.integers(6))
    if kind == 0:
        del members[name]
    elif kind == 1:
        members["../outside.txt"] = b"x"
    elif name.endswith(".json") and kind < 5:
        members[name] = text_of(change_tree(json.loads(members[name]), rng)).encode("utf-8", "surrogatepass")
    elif name.endswith(".h5") and kind < 4:
        members[name] = hdf5_part(members[name], rng)
    else:
        members[name] = changed(members[name], rng, OF_BYTES)[0]
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        for each, value in members.items():
            archive.writestr(each, value)
    return held.getvalue()
