"""The findings that a scan starts with before any model runs: supplied landmarks, and those of an earlier run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

from learning_functions.predict.intermediate_results import RECORD, KeptStage, read_maps, stage_before
from learning_functions.predict.stage import Stage, starting_stage
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.broken_file import BrokenFile
from utility_functions.files.cases import Case
from utility_functions.files.provenance import is_prediction
from utility_functions.files.supplied_landmarks import difference, read_supplied_landmarks, supplied_files
from utility_functions.geometry.grid import Grid
from utility_functions.records.findings import Findings


@dataclass(frozen=True)
class InitialFindings:
    """Where the initial findings of scans come from.

    landmarks: a folder of landmark files named by the scans' ids or, for one scan, its file.
    earlier: the results of an earlier run with its stages; a scan continues from the last stage before any of the
    tasks that are to run. Supplied landmarks replace those found there.
    """

    landmarks: Path | None = None
    earlier: Path | None = None

    def __bool__(self) -> bool:
        return self.landmarks is not None or self.earlier is not None

    def require_there(self, cases: Sequence[Case]) -> None:
        """Raise a ValueError where the folders do not hold a file for any of the cases."""
        if self.landmarks is not None:
            if not self.landmarks.exists():
                raise BrokenFile(f"{self.landmarks}: there is no such file or folder of landmarks.")
            if self.landmarks.is_file() and len(cases) > 1:
                raise ValueError(
                    f"Landmarks of several scans need a folder with a file for each. Received: {self.landmarks} for "
                    f"{len(cases)} scans."
                )
            if not any(supplied_files(self.landmarks, case.case_id) for case in cases):
                raise BrokenFile(
                    f"{self.landmarks}: has no landmark file for any of the scans, such as {cases[0].case_id}.json."
                )
        if self.earlier is not None:
            if not self.earlier.is_dir():
                raise BrokenFile(f"{self.earlier}: there is no such folder of results.")
            if not any((self.earlier / f"{case.case_id}{RECORD}").is_file() for case in cases):
                raise BrokenFile(
                    f"{self.earlier}: has no stages of any of the scans, such as {cases[0].case_id}{RECORD}; "
                    "a run saves them with --save-intermediate."
                )

    def fields(self, cases: Sequence[Case], tasks: Collection[str]) -> set[str]:
        """The names of the findings that all cases start with when models of these ``tasks`` are to run.

        Cases with missing or unusable files are ignored here and reported when they run.
        Raises: ValueError where no case has usable files.
        """
        found = {"landmarks"} if self.landmarks is not None else set()
        if self.earlier is None:
            return found
        known: list[set[str]] = []
        problem: ValueError | None = None
        for case in cases:
            try:
                known.append(stage_before(self.earlier, case.case_id, tasks).fields)
            except ValueError as error:
                problem = problem or error
        if not known and problem is not None:
            raise problem
        return found | (set.intersection(*known) if known else set())

    def files(self, case: Case) -> list[Path]:
        """The files with the initial findings of a case; a record of them shows later whether they changed."""
        record = [] if self.earlier is None else [self.earlier / f"{case.case_id}{RECORD}"]
        given = [] if self.landmarks is None else supplied_files(self.landmarks, case.case_id)
        return [*given, *(path for path in record if path.is_file())]

    def start(self, case: Case, grid: Grid, tasks: Collection[str]) -> Stage:
        """The stage that a scan on ``grid`` starts with when models of these ``tasks`` are to run.

        Raises: ValueError where files are missing, belong to another scan or grid, or were changed by hand.
        """
        tasks_before: tuple[str, ...] = ()
        findings = Findings(case.case_id, grid)
        if self.earlier is not None:
            kept = stage_before(self.earlier, case.case_id, tasks)
            kept.findings.grid.require_same(grid, f"The results in {self.earlier} and the scan {case.case_id}")
            if self.landmarks is None:
                self._require_unchanged(kept, grid)
            tasks_before = kept.tasks
            findings = kept.findings.having(grid=grid, **read_maps(kept))
            known = ", ".join(kept.tasks) or "its initial findings"
            findings = findings.noting(f"Read from {self.earlier}: the findings of {known}.")
        if self.landmarks is not None:
            landmarks, path = read_supplied_landmarks(self.landmarks, case.case_id, grid)
            findings = findings.named(None).having(landmarks=landmarks)
            findings = findings.noting(f"The landmarks are supplied, not found: {path.name}.")
        return starting_stage(findings, tasks_before)

    def _require_unchanged(self, kept: KeptStage, grid: Grid) -> None:
        """Raise a ValueError where the landmarks to continue from differ from the run's centroid files."""
        if self.earlier is None or kept.findings.landmarks is None or kept.written is None:
            return
        for path in supplied_files(self.earlier, kept.findings.case_id):
            if not len(kept.written) and is_prediction(path):
                continue
            if unlike := difference(read_landmarks(path, grid), kept.written):
                raise ValueError(
                    f"{path} was changed since it was written ({unlike}); supply changed landmarks by --landmarks. "
                    f"Received: {self.earlier} alone."
                )


NOTHING = InitialFindings()
