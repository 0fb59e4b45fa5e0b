"""A case: one scan on disk, or a phantom, with its annotations and metadata; and its contents, read or painted."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from utility_functions.anatomy.body_size import size_problem
from utility_functions.anatomy.centroids import LABEL_CODES, coded_centroids, require_placed_levels
from utility_functions.anatomy.hounsfield import offset_of
from utility_functions.anatomy.vertebral_keypoints import Keypoints
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.broken_file import BrokenFile as BrokenFile
from utility_functions.files.images import read_image, read_label_map, stem_of
from utility_functions.files.keypoints import read_keypoints
from utility_functions.files.slicer_segmentation import in_verse_ids, segment_names
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.resampling import resample
from utility_functions.geometry.volume import LabelMap, Volume
from utility_functions.phantom.phantom_request import PhantomRequest

log = logging.getLogger(__name__)

# A label map of the image's shape whose voxels lie this close to the image's is taken to lie on them.
SAME_PLACE_VOXELS = 0.25
NO_IMAGE = Volume(np.full((1, 1, 1), -1024, np.int16), Grid((1, 1, 1), np.eye(4)))
"""Placeholder for the image of a scan of which only keypoints are known."""


@dataclass(frozen=True)
class Case:
    """The paths and metadata of one scan, from a manifest row or a discovered folder.

    case_id: unique within a data set; outputs are named after it.
    image_path: an image file or a DICOM series folder; for a painted phantom its name, and no file exists.
    patient: the same for all cases of one patient; these are never split. One from a DICOM header is never written
        as it is: see patient_pseudonyms.
    study: the same for the series of one examination of one patient; "" where nothing tells.
    frame: the same for scans whose headers tell one frame of reference; "" where they tell none. As names of patients
        from headers, that of a study or a frame is never written.
    modality: "CT", "MR", "PT" or another of DICOM's codes; "CT" where nothing tells.
    modality_told: whether DICOM's header or a manifest tells the modality, not a file's name.
    split: "training", "validation", "testing" or "" where the source has none.
    landmarks_path, label_map_path: annotations, where there are any.
    label_code: the code that the label map is written in, one of LABEL_CODES.
    tissue_path: a map of tissues, in the codes of phantom/tissue.py, where there is one.
    phantom: the phantom to paint instead of reading files.
    keypoints_path: a detector's bodies and pedicles (VID), where there is such a file; it is also the ``image_path``
        where there is no image.
    """

    case_id: str
    image_path: Path
    patient: str = field(default="", repr=False)
    modality: str = "CT"
    split: str = ""
    landmarks_path: Path | None = None
    label_map_path: Path | None = None
    label_code: str = "verse"
    tissue_path: Path | None = None
    phantom: PhantomRequest | None = None
    keypoints_path: Path | None = None
    modality_told: bool = field(default=False, compare=False)
    study: str = field(default="", repr=False)
    frame: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if self.label_code not in LABEL_CODES:
            raise ValueError(f"label_code is one of {', '.join(LABEL_CODES)}. Received: {self.label_code!r}.")
        if not self.case_id:
            raise ValueError(f"A case needs an id. Received: {self!r}.")
        if not self.patient:
            object.__setattr__(self, "patient", self.case_id)

    @property
    def told_patient(self) -> str:
        """The patient, where more than the scan's own name tells it; else ""."""
        return "" if self.patient in (self.case_id, stem_of(self.image_path)) else self.patient

    @property
    def has_image(self) -> bool:
        """Whether there is an image, and not keypoints alone."""
        return self.keypoints_path is None or self.image_path != self.keypoints_path

    @property
    def files(self) -> tuple[Path, ...]:
        """The files and folders that it is read from; a phantom has none."""
        if self.phantom is not None:
            return ()
        known = (self.image_path, self.landmarks_path, self.label_map_path, self.tissue_path, self.keypoints_path)
        return tuple(path for path in known if path is not None)

    @property
    def has_tissues(self) -> bool:
        """Whether a map of tissues comes with the scan."""
        return self.phantom is not None or self.tissue_path is not None


@dataclass(frozen=True, eq=False)
class Scan:
    """The contents of a case, read or painted; label map and tissues lie on the image's grid.

    landmarks, label_map and tissues are None where the case has none, or where they were not requested; keypoints
    where the case has none of a detector. Without an image the volume is NO_IMAGE.
    notes: what was taken otherwise than the file says, in sentences.
    """

    case: Case
    volume: Volume
    landmarks: Landmarks | None = None
    label_map: LabelMap | None = None
    tissues: LabelMap | None = None
    keypoints: Keypoints | None = None
    notes: tuple[str, ...] = ()


def true_landmarks(scan: Scan) -> Landmarks | None:
    """The annotated centroids of a scan, or those of the bodies in its label map; None without any annotation.

    Raises: UnknownLevels where there is only a label map, and its code has no levels; and where its labels lie as the
    levels of its code never do.
    """
    if scan.label_map is not None and scan.case.phantom is None:
        require_placed_levels(scan.label_map, scan.case.label_code)
    if scan.landmarks is not None:
        return scan.landmarks
    return None if scan.label_map is None else coded_centroids(scan.label_map, scan.case.label_code)


def load_scan(
    case: Case,
    annotations: bool = True,
    *,
    tissues: bool = False,
    spacing_mm: Sequence[float] | None = None,
    axcodes: str | None = None,
) -> Scan:
    """Read all files of a case, or paint its phantom. Raises: BrokenFile that names the case and the file.

    spacing_mm, axcodes: the requested grid; only a phantom follows it, files keep their own.
    """
    if case.phantom is not None:
        made = case.phantom.painted(spacing_mm, axcodes)
        landmarks, label_map = (made.landmarks, made.label_map) if annotations else (None, None)
        return Scan(case, made.volume, landmarks, label_map, made.tissues if tissues else None)
    notes: tuple[str, ...] = ()
    try:
        volume = NO_IMAGE
        if case.has_image:
            volume, notes = in_hounsfield_units(read_sound_image(case.image_path), case.modality)
        keypoints = None if case.keypoints_path is None else read_keypoints(case.keypoints_path)
        landmarks = label_map = tissue_map = None
        if annotations and case.landmarks_path is not None:
            landmarks = read_landmarks(case.landmarks_path, volume.grid if case.has_image else None)
        if annotations and case.label_map_path is not None:
            label_map = on_grid(_coded(case.label_map_path, case.label_code), volume.grid, case.label_map_path)
        if tissues and case.tissue_path is not None:
            tissue_map = on_grid(read_label_map(case.tissue_path), volume.grid, case.tissue_path)
    except OSError as error:
        raise BrokenFile(
            f"{case.case_id}: {error.filename or case.image_path} cannot be read ({error.strerror})."
        ) from error
    except ValueError as error:
        raise BrokenFile(f"{case.case_id}: {error}") from error
    for note in notes:
        log.warning("%s: %s", case.case_id, note)
    return Scan(case, volume, landmarks, label_map, tissue_map, keypoints, notes)


def read_sound_image(path: Path) -> Volume:
    """The image at ``path``. Raises: BrokenFile, also where no body has the size that its header claims."""
    volume = read_image(path)
    require_sound_size(path, volume.grid)
    return volume


def require_sound_size(path: Path, grid: Grid) -> None:
    """Raise a BrokenFile where no body has the size of the image at ``path``, whose grid is given."""
    if problem := size_problem(grid):
        raise BrokenFile(f"{path}: {problem}")


def in_hounsfield_units(volume: Volume, modality: str) -> tuple[Volume, tuple[str, ...]]:
    """The volume without the offset that its file does not tell, where that is beyond doubt, and the note that says so.

    Only of CT; see `hounsfield.offset_of`.
    """
    offset = offset_of(volume.voxels) if modality == "CT" else 0
    if not offset:
        return volume, ()
    kind = np.float32 if volume.voxels.dtype.kind == "f" else np.int32
    voxels = volume.voxels.astype(kind) - kind(offset)
    fits = kind is np.int32 and int(voxels.max()) < 2**15
    return volume.with_voxels(voxels.astype(np.int16) if fits else voxels.astype(np.float32)), (
        f"The intensities are Hounsfield units plus {offset}, as air is at 0 and soft tissue near {offset + 40}; "
        f"{offset} is taken away.",
    )


def _coded(path: Path, code: str) -> LabelMap:
    """A label map in its code; where that is VerSe's, and the file names its segments, by their names."""
    names = segment_names(path) if code == "verse" else {}
    label_map = read_label_map(path)
    return in_verse_ids(label_map, names, path) if names else label_map


def on_grid(label_map: LabelMap, grid: Grid, path: Path) -> LabelMap:
    """The label map on an image's grid: exact where it is only stored in another orientation, else nearest neighbour.

    Raises: BrokenFile that names ``path`` when none of its labels lie within the image.
    """
    turned = label_map.reoriented(grid.axcodes)
    if not turned.grid.differences(grid, SAME_PLACE_VOXELS):
        return LabelMap(turned.voxels, grid)
    moved = resample(label_map, grid)
    before = int((label_map.voxels != 0).sum()) * label_map.grid.voxel_volume_mm3
    after = int((moved.voxels != 0).sum()) * grid.voxel_volume_mm3
    differences = "; ".join(turned.grid.differences(grid))
    if before > 0 and after == 0:
        raise BrokenFile(f"{path}: no label of it lies within the image ({differences}); it belongs to another scan.")
    log.warning(
        "%s: the label map lies on another grid than its image (%s) and is resampled; %.0f %% of its volume is kept.",
        path,
        differences,
        100 * after / before if before else 100,
    )
    return moved
