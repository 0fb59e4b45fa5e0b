"""A DICOM Segmentation of the findings of one scan, which refers to the scan's images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from highdicom import UID, Volume
from highdicom.color import CIELabColor
from highdicom.seg import SegmentAlgorithmTypeValues, Segmentation, SegmentationTypeValues, SegmentDescription
from numpy.typing import NDArray

from utility_functions.files.dicom_source import DicomSource
from utility_functions.files.ras_lps import swap_lps_ras
from utility_functions.records.findings import Findings
from utility_functions.reporting.dicom_codes import STRUCTURE
from utility_functions.reporting.dicom_objects import algorithm, identity, lenient, new_uid
from utility_functions.reporting.label_names import colour_bytes
from utility_functions.reporting.spine_segments import Segment, SpineSegments, spine_segments

CONTENT_LABEL = "SPINE"
SERIES = "Spine segmentation"


@dataclass(frozen=True, eq=False)
class SpineSegmentation:
    """A segmentation, the segments in it, and the tracking UID of each."""

    dataset: Segmentation
    found: SpineSegments
    tracking_uids: tuple[UID, ...]


def spine_segmentation(findings: Findings, source: DicomSource, models: Sequence[str] = ()) -> SpineSegmentation | None:
    """The segmentation of the findings of a scan; None where nothing was found.

    findings: with maps on the grid of the scan, as ``source`` has it. models: the names of those that ran.
    The frames lie on the scan's own images, each of which they name. Where the scan was resampled, as with a tilted
    gantry, they lie on its grid in the same frame of reference. Raises: BrokenFile.
    """
    findings.grid.require_same(source.grid, "Findings and the DICOM scan")
    found = spine_segments(findings)
    if not found.segments:
        return None
    uids = tuple(new_uid() for _ in found.segments)
    with lenient(source):
        described = [
            _described(number, segment, uids[number - 1], models)
            for number, segment in enumerate(found.segments, start=1)
        ]
        made = Segmentation(
            source_images=source.images[:1] if source.order is None and _frames(source) else source.images,
            further_source_images=source.images[1:] if source.order is None and _frames(source) else None,
            pixel_array=_placed(found.voxels, source),
            segmentation_type=SegmentationTypeValues.BINARY,
            segment_descriptions=described,
            content_label=CONTENT_LABEL,
            content_description="Vertebrae and what lies beside them",
            **identity(source, 1, SERIES),
        )
    return SpineSegmentation(made, found, uids)


def _frames(source: DicomSource) -> bool:
    """Whether the images are enhanced ones of many frames."""
    return "NumberOfFrames" in source.images[0]


def _placed(voxels: NDArray[np.uint8], source: DicomSource) -> NDArray[np.uint8] | Volume:
    """The voxels (x, y, z) as planes (n, rows, columns) of the images, or as a volume with places of its own."""
    planes = np.ascontiguousarray(voxels.transpose(2, 1, 0))
    if source.order is not None:
        return planes[source.order]
    affine = swap_lps_ras(source.grid.affine)[:, [2, 1, 0, 3]]
    return Volume(planes, affine, "PATIENT", frame_of_reference_uid=source.images[0].FrameOfReferenceUID)


def _described(number: int, segment: Segment, uid: UID, models: Sequence[str]) -> SegmentDescription:
    description = SegmentDescription(
        segment_number=number,
        segment_label=segment.label,
        segmented_property_category=STRUCTURE,
        segmented_property_type=segment.kind,
        algorithm_type=SegmentAlgorithmTypeValues.AUTOMATIC,
        algorithm_identification=algorithm(models),
        tracking_uid=uid,
        tracking_id=segment.label,
        anatomic_regions=None if segment.region is None else [segment.region],
        display_color=CIELabColor.from_rgb(*colour_bytes(segment.colour)),
    )
    if segment.description:
        description.SegmentDescription = segment.description
    return description
