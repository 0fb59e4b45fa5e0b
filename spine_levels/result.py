"""The result of one scan in the types of a notebook: a table of landmarks, an image of labels, a picture."""

from __future__ import annotations

import base64
import html
import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from learning_functions.measure.measurement_files import spine_measurements
from learning_functions.measure.outputs import (
    findings_figure,
    remove_previous,
    require_outputs_free,
    write_findings,
    written_of,
)
from learning_functions.predict.initial_findings import NOTHING, InitialFindings
from learning_functions.predict.stage import Stage
from utility_functions.anatomy.labelled_vertebrae import vertebrae_in_order
from utility_functions.files import nifti
from utility_functions.files.atomic_write import require_writable
from utility_functions.files.cases import Scan
from utility_functions.files.provenance import DESCRIPTION, SCRIPT
from utility_functions.files.stored_image import smallest_integer_type
from utility_functions.geometry.landmarks import Landmarks
from utility_functions.geometry.volume import LabelMap
from utility_functions.records.findings import Findings

if TYPE_CHECKING:
    import nibabel as nib
    import pandas as pd
    from matplotlib.figure import Figure

COLUMNS = ("level", "x", "y", "z", "probability", "truncated")
COMPLETE_FROM = 0.5
"""A vertebra is reported as truncated where its probability of being complete is below this."""


@dataclass(frozen=True, eq=False, repr=False)
class Result:
    """What the models found in one scan; empty, with a note, where they found nothing.

    scan: the scan and its name. findings: of all models, on the grid of the scan.
    stages: the findings after each model, with ``save_intermediate``. initial: the source of its initial findings.
    dicom: the kinds of DICOM objects that ``save`` writes, too. models: the names of the models that ran.
    """

    scan: Scan
    findings: Findings
    stages: tuple[Stage, ...] = ()
    initial: InitialFindings = NOTHING
    dicom: str | None = None
    models: tuple[str, ...] = ()

    @cached_property
    def landmarks(self) -> pd.DataFrame:
        """A row for each named vertebra: level, centroid x, y, z in RAS+ mm, probability, truncated.

        probability: of the level; missing without a decoder, and for an interpolated level.
        truncated: whether the border of the scan truncates the vertebra; missing where no model segments it.
        """
        import pandas as pd

        found = self._found
        posterior = {} if self.findings.naming is None else self.findings.naming.posterior
        truncated = self._truncated()
        table = pd.DataFrame(found.points_mm, columns=COLUMNS[1:4])
        table.insert(0, "level", pd.Series(found.names, dtype="str"))
        table["probability"] = [posterior.get(name, float("nan")) for name in found.names]
        table["probability"] = table["probability"].astype(float)
        table["truncated"] = pd.array([truncated.get(name, pd.NA) for name in found.names], dtype="boolean")
        return table

    @cached_property
    def labels(self) -> nib.Nifti1Image:
        """A VerSe id per voxel, on the grid of the scan; 0 is background.

        Where no model names vertebrae, the detection. Where nothing is found, 0 everywhere.
        """
        found = self.findings.instances if self.findings.instances is not None else self.findings.detection
        grid = self.findings.grid
        voxels = found.voxels if isinstance(found, LabelMap) else np.zeros(grid.shape, np.uint8)
        voxels = voxels.astype(smallest_integer_type(voxels.min(), voxels.max()), copy=False)
        return nifti.image_of(voxels, grid, DESCRIPTION)

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes for the reader: whether names may be shifted, what was not found, what was excluded."""
        return self.findings.notes

    def figure(self) -> Figure:
        """Sagittal and coronal views with the names beside the vertebrae, and the measurements where there are any."""
        volume = self.scan.volume
        return findings_figure(self.findings, volume, measured=spine_measurements(self.findings, volume))

    def show(self) -> None:
        """Show the picture, the notes and the table of landmarks in a notebook.

        Raises: RuntimeError outside of IPython.
        """
        try:
            from IPython.display import display
        except ImportError as error:
            raise RuntimeError("show() needs a notebook; save() writes the picture to a file.") from error
        display(self)

    def save(self, folder: str | Path) -> list[Path]:
        """Write the files that spine-measure writes for one scan into ``folder``; returns their paths.

        With NiiVue installed they are also a page that shows the scan in slices and 3D, and its script; with the option
        ``dicom`` DICOM objects that refer to the scan's images, and hold its patient and study.

        Raises: ValueError where a file of the scan, or one of another program, would be written over.
        """
        place, case = Path(folder), self.scan.case
        require_writable(place)
        require_outputs_free(case, place, self.initial)
        remove_previous(case, place)
        write_findings(self.findings, self.scan, None, place, self.stages, dicom=self.dicom, models=self.models)
        return [*written_of(case, place), *filter(Path.is_file, [place / SCRIPT])]

    def __repr__(self) -> str:
        names = ", ".join(self._found.names) or "no vertebra"
        return f"Result({self.findings.case_id}: {names})"

    def _repr_html_(self) -> str:
        """The picture, the notes and the table, as a notebook shows them."""
        drawn = io.BytesIO()
        figure = self.figure()
        figure.savefig(drawn, format="png", facecolor=figure.get_facecolor())
        picture = base64.b64encode(drawn.getvalue()).decode("ascii")
        notes = "".join(f"<li>{html.escape(note)}</li>" for note in self.notes)
        table = self.landmarks.to_html(index=False, float_format="{:.2f}".format)
        name = html.escape(self.findings.case_id)
        return f'<img src="data:image/png;base64,{picture}" alt="{name}"><ul>{notes}</ul>{table}'

    @property
    def _found(self) -> Landmarks:
        return Landmarks.empty() if self.findings.landmarks is None else self.findings.landmarks

    def _truncated(self) -> dict[str, bool]:
        """By level that a model segments, whether the border of the scan truncates it."""
        instances = self.findings.instances
        vertebrae = () if instances is None else vertebrae_in_order(instances, "verse")
        found = {each.name: not each.whole for each in vertebrae}
        return found | {name: True for name, whole in self.findings.completeness.items() if whole < COMPLETE_FROM}
