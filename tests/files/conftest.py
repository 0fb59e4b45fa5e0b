"""Small scans and DICOM series made for the tests of files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from marked_scans import MARK, rotation

from utility_functions.geometry.grid import Grid
from utility_functions.geometry.volume import Volume


@pytest.fixture
def oblique_grid() -> Grid:
    """A grid of unequal sizes and spacings, oblique and far from the origin."""
    affine = np.eye(4)
    affine[:3, :3] = rotation(0.2, -0.3, 0.1) * (0.7, 1.1, 2.3)
    affine[:3, 3] = (-120.5, 33.25, 781.125)
    return Grid((5, 6, 7), affine)


@pytest.fixture
def sheared_grid(oblique_grid: Grid) -> Grid:
    affine = oblique_grid.affine.copy()
    affine[:3, 2] += 0.3 * affine[:3, 1]
    return Grid((5, 6, 7), affine)


@pytest.fixture
def marked() -> Callable[[Grid], Volume]:
    """A volume of noise in HU on a grid, with its highest value at MARK."""

    def make(grid: Grid) -> Volume:
        voxels = np.random.default_rng(7).integers(-1000, 1000, grid.shape).astype(np.int16)
        voxels[MARK] = 2000
        return Volume(voxels, grid)

    return make


def slice_tags(position: Sequence[float], directions: Sequence[float], **tags: str) -> dict[str, str]:
    """The DICOM tags of one slice; ``tags`` by the names below replace or (when "") remove them."""
    text = {
        "modality": ("0008|0060", "CT"),
        "study": ("0020|000d", "1.2.3"),
        "series": ("0020|000e", "1.2.3.4"),
        "name": ("0008|103e", "thin"),
        "type": ("0008|0008", "ORIGINAL\\PRIMARY\\AXIAL"),
        "patient": ("0010|0020", "P1"),
        "position": ("0020|0032", "\\".join(f"{v:.6f}" for v in position)),
        "directions": ("0020|0037", "\\".join(f"{v:.8f}" for v in directions)),
        "slope": ("0028|1053", "1"),
        "intercept": ("0028|1052", "-1024"),
    }
    values = {name: tags.get(name, value) for name, (_, value) in text.items()}
    return {key: values[name] for name, (key, _) in text.items() if values[name]}


@pytest.fixture
def write_series() -> Callable[..., list[Path]]:
    """Writes voxels (x, y, z) as one DICOM file per slice; file names do not follow the order of the slices."""

    def write(
        folder: Path,
        voxels: np.ndarray,
        positions: Sequence[Sequence[float]],
        directions: Sequence[float] = (1, 0, 0, 0, 1, 0),
        spacing: tuple[float, float] = (0.8, 0.9),
        first: int = 0,
        suffix: str = ".dcm",
        compressor: str = "",
        **tags: str,
    ) -> list[Path]:
        folder.mkdir(parents=True, exist_ok=True)
        paths = []
        for k, position in enumerate(positions):
            image = sitk.GetImageFromArray(np.ascontiguousarray(voxels[:, :, k].T[None]))
            image.SetSpacing((*spacing, 1.0))
            for key, value in slice_tags(position, directions, **tags).items():
                image.SetMetaData(key, value)
            image.SetMetaData("0008|0018", f"1.2.3.4.{first + k}")
            image.SetMetaData("0020|0013", str(k))
            path = folder / f"{(k * 7 + first) % 100:02d}_{first}{suffix}"
            writer = sitk.ImageFileWriter()
            writer.KeepOriginalImageUIDOn()
            writer.SetImageIO("GDCMImageIO")
            writer.SetFileName(str(path))
            if compressor:
                writer.SetUseCompression(True)
                writer.SetCompressor(compressor)
            writer.Execute(image)
            paths.append(path)
        return paths

    return write
