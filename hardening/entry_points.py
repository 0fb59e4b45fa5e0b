"""What the three scripts do with a file, by the functions that they call; the answer as one text to compare."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from hardening.corpus_of_runs import read_record, read_stages
from hardening.tiny_inputs import tiny_settings
from learning_functions.generate.generation import cases_of_one_split, samples_of_case
from learning_functions.measure.keypoint_measuring import measure_file
from learning_functions.measure.pipeline_file import read_plan
from learning_functions.options import OPTION_NAMES, usual_value
from learning_functions.samples.store.sample_reader import SampleReader
from learning_functions.samples.store.sample_store import open_store
from learning_functions.task import load_task
from learning_functions.training.planned_runs import planned
from losses_and_metrics.identification_rate import score_scan
from utility_functions.anatomy.labels import LEVELS
from utility_functions.anatomy.naming.decoder import WARNING_FROM
from utility_functions.anatomy.naming.keypoint_naming import named_keypoints
from utility_functions.files.annotations import read_landmarks
from utility_functions.files.cases import Case, Scan, load_scan, true_landmarks
from utility_functions.files.data_split import Fold
from utility_functions.files.keypoint_files import find_keypoint_files
from utility_functions.files.manifest import find_cases
from utility_functions.files.patient_pseudonyms import read_or_make_key
from utility_functions.files.supplied_landmarks import read_supplied_landmarks
from utility_functions.geometry.grid import Grid
from utility_functions.geometry.landmarks import Landmarks

MOST_SCANS = 3


class WrongAnswer(Exception):
    """An answer that cannot be right: values that are not finite, unknown names, parts that do not fit together."""


def require(right: bool, what: str) -> None:
    if not right:
        raise WrongAnswer(what)


def digest(*values: Any) -> str:
    """A short text that is the same for the same arrays and plain values."""
    found = hashlib.sha256()
    for value in values:
        found.update(np.ascontiguousarray(value).tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
    return found.hexdigest()[:16]


def sound_grid(grid: Grid) -> None:
    require(bool(np.isfinite(grid.affine).all()) and min(grid.shape) >= 1, "a grid that is not finite")


def sound_landmarks(landmarks: Landmarks) -> None:
    require(bool(np.isfinite(landmarks.points_mm).all()), "a landmark that is not finite")
    require(all(name in ("", *LEVELS) for name in landmarks.names), "a level that is none")
    named = [name for name in landmarks.names if name]
    require(len(named) == len(set(named)), "a level that stands twice")


def sound_scan(scan: Scan) -> str:
    voxels = scan.volume.voxels
    sound_grid(scan.volume.grid)
    require(voxels.shape == scan.volume.grid.shape, "voxels that do not fill their grid")
    require(voxels.dtype.kind != "f" or bool(np.isfinite(voxels).all()), "a voxel that is not finite")
    if scan.label_map is not None:
        require(scan.label_map.voxels.shape == voxels.shape, "a label map on another grid")
        require(scan.label_map.voxels.dtype.kind in "iu", "labels that are no whole numbers")
    truth = true_landmarks(scan)
    if truth is not None:
        sound_landmarks(truth)
        score_scan(scan.case.case_id, truth, truth)
    return digest(voxels, scan.volume.grid.affine.round(6), None if scan.label_map is None else scan.label_map.voxels)


def _sampled(case: Case, task: str) -> None:
    """What a worker of generate_samples.py does with a scan."""
    made = samples_of_case(task, case, tiny_settings(task), 1)
    for sample in made.samples:
        require(bool(np.isfinite(np.asarray(sample.inputs, float)).all()), "a sample that is not finite")


def read_scan(folder: Path, file: str) -> str:
    image = Path(file).with_suffix(".mhd") if "raw" in Path(file).suffix else Path(file)
    [case, *_] = find_cases(folder / image)
    answer = sound_scan(load_scan(case))
    _sampled(case, "detection")
    return answer


def read_masked_scan(folder: Path, file: str) -> str:
    suffix = file[len("scan_mask") :]
    case = Case("scan", folder / f"scan{suffix}", landmarks_path=folder / "scan.lml", label_map_path=folder / file)
    answer = sound_scan(load_scan(case))
    _sampled(case, "vertebra_masks")
    return answer


def read_series(folder: Path, file: str) -> str:
    answers = []
    for case in find_cases(folder / Path(file).parent)[:MOST_SCANS]:
        answers.append(sound_scan(load_scan(case)))
        _sampled(case, "detection")
    return digest(*answers)


def read_folder(folder: Path, file: str) -> str:
    return digest(*(sound_scan(load_scan(case)) for case in find_cases(folder)[:MOST_SCANS]))


def read_landmark_file(folder: Path, file: str) -> str:
    """As truth and as supplied landmarks of a scan, then as a file to be named without images."""
    path = folder / file
    problems: list[ValueError] = []
    answers: list[str] = []
    grid = load_scan(Case("image", folder / "image.nii")).volume.grid

    def tried(read: Callable[[], str]) -> None:
        try:
            answers.append(read())
        except ValueError as error:
            problems.append(error)

    def checked(landmarks: Landmarks) -> str:
        sound_landmarks(landmarks)
        return digest(landmarks.names, landmarks.points_mm.round(3))

    def named() -> str:
        [found, *_] = find_keypoint_files(path)
        row = measure_file(
            found,
            lambda seen: (named_keypoints(seen.bodies_mm, seen.names, seen.probabilities), WARNING_FROM),
            folder / "out",
            False,
        )
        require(row.landmarks is not None, "no landmarks and no problem")
        sound_landmarks(row.landmarks or Landmarks((), np.zeros((0, 3))))
        return digest(row.landmarks)

    tried(lambda: checked(read_landmarks(path, grid)))
    tried(lambda: checked(read_supplied_landmarks(path, "scan", grid)[0]))
    tried(named)
    if not answers:
        raise problems[0]
    return digest(*answers)


def read_manifest_file(folder: Path, file: str) -> str:
    cases = find_cases(folder)
    try:
        cases_of_one_split(folder, "training", None, None)
    except ValueError as error:
        require(" " in str(error), "no sentence")
    answers = [sound_scan(load_scan(case)) for case in cases[:MOST_SCANS] if case.phantom is None]
    return digest(*answers, *(case.case_id for case in cases))


def read_pipeline(folder: Path, file: str) -> str:
    requested: dict[str, Any] = {name: usual_value(name) for name in OPTION_NAMES}
    plan = read_plan(folder / file, {**requested, "models": [], "pipeline": [folder / file]})
    return digest(plan.models, plan.title, plan.options)


def read_key(folder: Path, file: str) -> str:
    return read_or_make_key(folder / file).name


def read_samples(folder: Path, file: str) -> str:
    """As train.py plans a run, with the fold of a second file, and every sample read once."""
    store = open_store(folder / file)
    planned((folder / file, folder / "validation.h5", folder / "model.h5"))
    try:
        planned((folder / file, None, folder / "model.h5"), [Fold(0, 2)])
    except ValueError as error:
        require(" " in str(error), "no sentence")
    arrays = {name: np.empty((1, *part.shape), part.dtype) for name, part in store.parts().items()}
    reader, answers = SampleReader(store), []
    for number in range(min(store.count, 8)):
        reader.read([number], **arrays)
        for name, values in arrays.items():
            if name == "normalisation":
                require(bool(np.isfinite(values).all()), "a normalisation that is not finite")
        answers.append(digest(*arrays.values()))
    return digest(*answers)


def read_model(folder: Path, file: str) -> str:
    """As measure.py loads it: outlined, loaded, and ready to predict."""
    from learning_functions.predict.stage_order import outlines
    from learning_functions.predict.trained_model import TrainedModel

    outlines([folder / file])
    model = TrainedModel.load(folder / file)
    return digest(model.task_name, *model.network.get_weights())


def read_checkpoint(folder: Path, file: str) -> str:
    """As train.py --resume takes up a run."""
    from learning_functions.training.checkpoints import Checkpoints

    load_task("detection").objective(tiny_settings("detection"))  # registers its loss with Keras
    checkpoints = Checkpoints(folder / "model.h5")
    progress = checkpoints.progress()
    progress.plan(max(progress.planned, progress.epochs))
    network = checkpoints.load(progress.epochs)
    return digest(*network.get_weights())


def read_earlier_stages(folder: Path, file: str) -> str:
    landmarks, *maps = read_stages(folder)
    if isinstance(landmarks, Landmarks):
        sound_landmarks(landmarks)
    for voxels in maps:
        require(bool(np.isfinite(np.asarray(voxels, float)).all()), "a map that is not finite")
    return digest(landmarks, *maps)


def read_finished_record(folder: Path, file: str) -> str:
    return digest(*read_record(folder))


READERS: dict[str, Callable[[Path, str], str]] = {
    "scan": read_scan,
    "masked_scan": read_masked_scan,
    "series": read_series,
    "folder": read_folder,
    "landmarks": read_landmark_file,
    "manifest": read_manifest_file,
    "pipeline": read_pipeline,
    "key": read_key,
    "stages": read_earlier_stages,
    "record": read_finished_record,
    "samples": read_samples,
    "model": read_model,
    "checkpoint": read_checkpoint,
}
